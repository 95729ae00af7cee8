// Emits the WebAssembly kernels from their definitions, and writes them into src/kernels/wasm-modules.generated.ts, a module
// for each family, so that a bundle carries the kernels that it uses and `import` just works. Families with kernels that
// differ between relaxed and plain SIMD have both, in one text: the second is nearly a copy of the first.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { kernelDefinitions } from "../src/kernels/definitions/index.ts";
import type { Definition } from "../src/kernels/language/definition.ts";
import { defineKernel } from "../src/kernels/language/definition.ts";
import { checksumOf } from "../src/kernels/unpack.ts";
import { build32, emitModule } from "../src/kernels/wasm/module.ts";
import { pack } from "./pack.ts";

const outputFile = fileURLToPath(new URL("../src/kernels/wasm-modules.generated.ts", import.meta.url));

/** Has an instruction of each kind: an engine that takes it takes all. */
const probe = defineKernel("probe", ["ptr", "i32"], (k, y, bytes) => {
  k.clear(y, bytes);
  k.store(y, k.madd(k.load(y), k.k(2), k.k(1)));
});

function modulesOf(definitions: readonly Definition[]): Uint8Array[] {
  const [relaxed, plain] = [true, false].map((isRelaxed) => emitModule(definitions, build32(isRelaxed)));
  return Buffer.compare(relaxed!, plain!) === 0 ? [relaxed!] : [relaxed!, plain!];
}

let [bytes, characters] = [0, 0];
const lines = Object.entries({ probe: [probe], ...kernelDefinitions }).map(([family, definitions]) => {
  const modules = modulesOf(definitions);
  const packed = pack(Buffer.concat(modules));
  const sizes = modules.map(({ length }) => length);
  console.log(`kernels: ${family} ${sizes.join(" and ")} bytes, ${packed.length} characters`);
  bytes += sizes.reduce((sum, size) => sum + size);
  characters += packed.length;
  const kernels = definitions.map(({ name }) => name);
  return `export const ${family} = ${JSON.stringify({ kernels, sizes, checksums: modules.map(checksumOf), packed })};\n`;
});
console.log(`kernels: ${bytes} bytes, ${characters} characters`);
writeFileSync(outputFile, `// Written by scripts/build-kernels.ts; not in git.\n${lines.join("")}`);
