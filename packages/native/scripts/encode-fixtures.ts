// Makes the listings of instructions anew with GNU as and objdump, and compares them with what the assembler makes. Ends
// with 1 if they differ. Needs binutils for x86-64.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytesOf } from "../testing/encode-case.ts";
import { lineOf, listingFile, listings } from "../testing/listings.ts";

/** The bytes of each instruction, by GNU as. */
function assemble(texts: readonly string[]): string[] {
  const folder = mkdtempSync(join(tmpdir(), "encode-fixtures-"));
  try {
    const [source, object] = [join(folder, "all.s"), join(folder, "all.o")];
    writeFileSync(source, `.intel_syntax noprefix\n${texts.join("\n")}\n`);
    execFileSync("as", ["--64", "-o", object, source]);
    const options = ["--disassemble", "--wide", "--disassemble-zeroes", object];
    const lines = execFileSync("objdump", options, { maxBuffer: 1 << 28, encoding: "utf8" }).split("\n");
    return lines.flatMap((line) => {
      const bytes = /^\s*[0-9a-f]+:\t([0-9a-f ]+)/.exec(line)?.[1];
      return bytes === undefined ? [] : [bytes.replaceAll(" ", "")];
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

let differing = 0;
for (const [name, casesOf] of Object.entries(listings)) {
  const cases = casesOf();
  const expected = assemble(cases.map(({ text }) => text));
  if (expected.length !== cases.length)
    throw new Error(
      `encode-fixtures: ${name} has ${cases.length} instructions, objdump finds ${expected.length}`,
    );
  writeFileSync(listingFile(name), cases.map(({ text }, i) => `${lineOf(text, expected[i]!)}\n`).join(""));
  const wrong = cases.filter((instruction, i) => bytesOf(instruction) !== expected[i]);
  for (const instruction of wrong.slice(0, 20)) {
    const bytes = expected[cases.indexOf(instruction)];
    console.log(`${name}: ${instruction.text}: GNU as ${bytes}, the assembler ${bytesOf(instruction)}`);
  }
  console.log(`${name}: ${cases.length} instructions, ${wrong.length} differ`);
  differing += wrong.length;
}
process.exitCode = differing > 0 ? 1 : 0;
