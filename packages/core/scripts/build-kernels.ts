// Compiles assembly/ twice, with plain SIMD128 and with relaxed SIMD; and emits the kernels of some families from their
// definitions, which replace those of assembly/: once where nothing is fused, else for both. Writes all as base64 into
// src/kernels/wasm-bytes.generated.ts, so that the bundle carries its kernels and `import` just works.
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import asc from "assemblyscript/asc";
import type { KernelFamily } from "../src/kernels/definitions/index.ts";
import { kernelDefinitions } from "../src/kernels/definitions/index.ts";
import type { Definition } from "../src/kernels/language/definition.ts";
import type { Build } from "../src/kernels/wasm/emit-values.ts";
import { build32, emitModule, wasmTarget } from "../src/kernels/wasm/module.ts";
import { hasMadd } from "../src/kernels/wasm/uses.ts";

/** The families that are emitted. */
const emittedFamilies: readonly KernelFamily[] = [];

const packageRoot = fileURLToPath(new URL("..", import.meta.url));
const outputFile = join(packageRoot, "src/kernels/wasm-bytes.generated.ts");

// No linear memory of their own (stub runtime, imported memory), so that any number of instances share one.
const commonFlags = [
  "assembly/index.ts",
  ...["--baseDir", packageRoot],
  ...["--runtime", "stub", "--optimizeLevel", "3", "--noAssert"],
  ...["--importMemory", "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536"],
  ...["--enable", "simd", "--enable", "threads"],
];

async function compile(extraFlags: string[]): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-kernels-"));
  const wasmFile = join(directory, "kernels.wasm");
  try {
    const { error, stderr } = await asc.main([...commonFlags, ...extraFlags, "--outFile", wasmFile]);
    if (error) throw new Error(`asc: ${error.message}\n${stderr.toString()}`);
    return readFileSync(wasmFile).toString("base64");
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A module of the emitted kernels: of those that differ between the builds, or of those that do not. */
function emit(isFused: boolean, build: Build): string {
  const definitions = emittedFamilies
    .flatMap((family): readonly Definition[] => kernelDefinitions[family])
    .filter((definition) => hasMadd(definition.record(wasmTarget(build))) === isFused);
  return definitions.length > 0 ? Buffer.from(emitModule(definitions, build)).toString("base64") : "";
}

/** What assembly/ was compiled from: sources, flags and compiler. */
function hashOfAssembly(): string {
  const hash = createHash("sha256").update(asc.version).update(commonFlags.join(" "));
  const folder = join(packageRoot, "assembly");
  for (const name of readdirSync(folder).sort()) hash.update(name).update(readFileSync(join(folder, name)));
  return hash.digest("hex");
}

/** The two builds of assembly/, compiled only if it has changed: that takes most of the time of a build. */
async function assembly(): Promise<{ assemblyHash: string; plainBase64: string; relaxedBase64: string }> {
  const assemblyHash = hashOfAssembly();
  if (existsSync(outputFile)) {
    const before = await import(pathToFileURL(outputFile).href);
    if (before.assemblyHash === assemblyHash) {
      const { plainBase64, relaxedBase64 } = before;
      return { assemblyHash, plainBase64, relaxedBase64 };
    }
  }
  const plainBase64 = await compile([]);
  return { assemblyHash, plainBase64, relaxedBase64: await compile(["--enable", "relaxed-simd"]) };
}

const texts = {
  ...(await assembly()),
  emittedBase64: emit(false, build32(false)),
  emittedPlainBase64: emit(true, build32(false)),
  emittedRelaxedBase64: emit(true, build32(true)),
};
const declarations = Object.entries(texts).map(([name, text]) => `export const ${name} =\n  "${text}";\n`);
writeFileSync(outputFile, `// Written by scripts/build-kernels.ts; not in git.\n${declarations.join("")}`);
for (const [name, text] of Object.entries(texts))
  console.log(`kernels: ${name} ${(text.length * 0.75) | 0} bytes`);
