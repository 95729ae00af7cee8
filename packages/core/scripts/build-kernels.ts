// Compiles assembly/ twice, with plain SIMD128 and with relaxed SIMD. Writes both as base64 into
// src/kernels/wasm-bytes.generated.ts, so that the bundle carries its kernels and `import` just works.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

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

const plain = await compile([]);
const relaxed = await compile(["--enable", "relaxed-simd"]);
writeFileSync(
  outputFile,
  `// Written by scripts/build-kernels.ts from assembly/; not in git.\nexport const plainBase64 =\n  "${plain}";\nexport const relaxedBase64 =\n  "${relaxed}";\n`,
);
console.log(
  `kernels: plain ${(plain.length * 0.75) | 0} bytes, relaxed ${(relaxed.length * 0.75) | 0} bytes`,
);
