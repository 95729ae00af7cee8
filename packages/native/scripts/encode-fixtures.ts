// Makes the listings of instructions anew with GNU as and objdump, and compares them with what the assemblers make. Ends
// with 1 if they differ. Needs binutils for x86-64 and for arm64 (`binutils-aarch64-linux-gnu`).
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { arm64Cases, wordOf } from "../testing/arm64-cases.ts";
import { bytesOf } from "../testing/encode-case.ts";
import { lineOf, listingFile, listings } from "../testing/listings.ts";

/** What binutils are called for a machine, and what they must be told. */
const tools = {
  x64: { prefix: "", options: ["--64"], syntax: ".intel_syntax noprefix\n" },
  arm64: { prefix: "aarch64-linux-gnu-", options: [], syntax: "" },
} as const;

/** The bytes of each instruction, by GNU as. */
function assemble(machine: keyof typeof tools, texts: readonly string[]): string[] {
  const { prefix, options, syntax } = tools[machine];
  const folder = mkdtempSync(join(tmpdir(), "encode-fixtures-"));
  try {
    const [source, object] = [join(folder, "all.s"), join(folder, "all.o")];
    writeFileSync(source, `${syntax}${texts.join("\n")}\n`);
    execFileSync(`${prefix}as`, [...options, "-o", object, source]);
    const flags = ["--disassemble", "--wide", "--disassemble-zeroes", object];
    const output = execFileSync(`${prefix}objdump`, flags, { maxBuffer: 1 << 28, encoding: "utf8" });
    return output.split("\n").flatMap((line) => {
      const bytes = /^\s*[0-9a-f]+:\t([0-9a-f ]+)/.exec(line)?.[1];
      return bytes === undefined ? [] : [bytes.replaceAll(" ", "")];
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Instruction {
  readonly text: string;
  /** By the assembler of this package. */
  readonly bytes: string;
}

/** Writes a listing, and returns how many of its instructions differ. */
function writeListing(name: string, machine: keyof typeof tools, instructions: readonly Instruction[]) {
  const expected = assemble(
    machine,
    instructions.map(({ text }) => text),
  );
  if (expected.length !== instructions.length)
    throw new Error(
      `encode-fixtures: ${name} has ${instructions.length} instructions, objdump finds ${expected.length}`,
    );
  const lines = instructions.map(({ text }, i) => `${lineOf(text, expected[i]!)}\n`);
  writeFileSync(listingFile(name), lines.join(""));
  const wrong = instructions.filter(({ bytes }, i) => bytes !== expected[i]);
  for (const instruction of wrong.slice(0, 20)) {
    const bytes = expected[instructions.indexOf(instruction)];
    console.log(`${name}: ${instruction.text}: GNU as ${bytes}, the assembler ${instruction.bytes}`);
  }
  console.log(`${name}: ${instructions.length} instructions, ${wrong.length} differ`);
  return wrong.length;
}

let differing = 0;
for (const [name, casesOf] of Object.entries(listings)) {
  const instructions = casesOf().map((one) => ({ text: one.text, bytes: bytesOf(one) }));
  differing += writeListing(name, "x64", instructions);
}
const ofArm64 = arm64Cases().map((one) => ({ text: one.text, bytes: wordOf(one) }));
differing += writeListing("arm64", "arm64", ofArm64);
process.exitCode = differing > 0 ? 1 : 0;
