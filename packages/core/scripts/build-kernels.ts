// Emits the WebAssembly kernels from their definitions, and writes them as base64 into
// src/kernels/wasm-bytes.generated.ts, so that the bundle carries its kernels and `import` just works. Kernels that
// differ between plain and relaxed SIMD are there twice, the others once.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { kernelDefinitions } from "../src/kernels/definitions/index.ts";
import { build32, emitModule, wasmTarget } from "../src/kernels/wasm/module.ts";
import { hasMadd } from "../src/kernels/wasm/uses.ts";

const outputFile = fileURLToPath(new URL("../src/kernels/wasm-bytes.generated.ts", import.meta.url));

const [plain, relaxed] = [build32(false), build32(true)];
const all = Object.values(kernelDefinitions).flat();
const differ = all.filter((definition) => hasMadd(definition.record(wasmTarget(relaxed))));
const texts = {
  commonBase64: emitModule(
    all.filter((definition) => !differ.includes(definition)),
    plain,
  ),
  plainBase64: emitModule(differ, plain),
  relaxedBase64: emitModule(differ, relaxed),
};
const declarations = Object.entries(texts).map(
  ([name, bytes]) => `export const ${name} =\n  "${Buffer.from(bytes).toString("base64")}";\n`,
);
writeFileSync(outputFile, `// Written by scripts/build-kernels.ts; not in git.\n${declarations.join("")}`);
for (const [name, bytes] of Object.entries(texts)) console.log(`kernels: ${name} ${bytes.length} bytes`);
