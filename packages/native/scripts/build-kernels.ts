// Compiles all kernels for each instruction set into src/kernel-code.generated.ts, so that the package carries its
// machine code and nothing is compiled when a program starts. Beside it is what the self-check expects.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deflateRawSync } from "node:zlib";
import type { Target } from "@shardgrad/core/kernels";
import { interpret, kernelDefinitions } from "@shardgrad/core/kernels";
import type { Backend } from "../src/backends.ts";
import { backends } from "../src/backends.ts";
import { checkBytes, hashOf, prepareCheck } from "../src/self-check/check-memory.ts";
import type { KernelCheck } from "../src/self-check/kernel-checks.ts";
import { kernelChecks } from "../src/self-check/kernel-checks.ts";

const outputFile = fileURLToPath(new URL("../src/kernel-code.generated.ts", import.meta.url));
const definitions = Object.values(kernelDefinitions).flat();

/** What a call leaves in memory, by the interpreter of the kernel language. */
function expectedOf(check: KernelCheck, target: Target): number {
  // Address 0 means that there is no array.
  const start = 64;
  const heap = new ArrayBuffer(start + checkBytes);
  const memory = { float32: new Float32Array(heap), int32: new Int32Array(heap) };
  const { given, end } = prepareCheck(check, memory, start);
  const definition = definitions.find(({ name }) => name === check.kernel)!;
  const near = new ArrayBuffer(definition.scratchBytes(target));
  interpret(definition.record(target), given, { heap, near, scratch: 0 }, target);
  return hashOf(memory, start, end);
}

const sets = Object.entries(backends).map(([set, { target, compile }]: [string, Backend]) => {
  const { code, entries } = compile(definitions);
  console.log(`kernels: ${definitions.length} for ${set}, ${code.length} bytes`);
  const kernels = definitions.map(({ name, parameters, scratchBytes, record }) => ({
    name,
    parameters,
    scratchBytes: scratchBytes(target),
    returns: record(target).result !== undefined,
    entries: Object.fromEntries(Object.entries(entries).map(([by, offsets]) => [by, offsets.get(name)])),
  }));
  const checks = kernelChecks.map((check) => expectedOf(check, target));
  return [set, { code: deflateRawSync(code, { level: 9 }).toString("base64"), kernels, checks }];
});

writeFileSync(
  outputFile,
  `// Written by scripts/build-kernels.ts; not in git.
import type { EmbeddedLibrary } from "./embedded.ts";
import type { InstructionSet } from "./backends.ts";

export const libraries: Readonly<Record<InstructionSet, EmbeddedLibrary>> = ${JSON.stringify(Object.fromEntries(sets))};
`,
);
