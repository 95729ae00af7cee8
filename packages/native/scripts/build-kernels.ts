// Compiles all kernels for both instruction sets into src/kernel-code.generated.ts, so that the package carries its
// machine code and nothing is compiled when a program starts.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { deflateRawSync } from "node:zlib";
import { kernelDefinitions } from "@shardgrad/core/kernels";
import { compileLibrary } from "../src/x64/library.ts";
import { machines } from "../src/x64/machine.ts";

const outputFile = fileURLToPath(new URL("../src/kernel-code.generated.ts", import.meta.url));
const definitions = Object.values(kernelDefinitions).flat();
const sets = Object.values(machines).map((machine) => {
  const { code, entries } = compileLibrary(definitions, machine);
  console.log(`kernels: ${definitions.length} for ${machine.set}, ${code.length} bytes`);
  const kernels = definitions.map(({ name, parameters, scratchBytes, record }) => ({
    name,
    parameters,
    scratchBytes: scratchBytes(machine.target),
    returns: record(machine.target).result !== undefined,
    entries: { sysv: entries.sysv.get(name), win64: entries.win64.get(name) },
  }));
  return [machine.set, { code: deflateRawSync(code, { level: 9 }).toString("base64"), kernels }];
});

writeFileSync(
  outputFile,
  `// Written by scripts/build-kernels.ts; not in git.
import type { EmbeddedLibrary } from "./embedded.ts";
import type { InstructionSet } from "./x64/machine.ts";

export const libraries: Readonly<Record<InstructionSet, EmbeddedLibrary>> = ${JSON.stringify(Object.fromEntries(sets))};
`,
);
