import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    engine: "src/engine.ts",
    kernels: "src/kernels.ts",
    testing: "src/testing.ts",
    "wide-kernels": "src/kernels/wasm/wide-kernels.ts",
  },
  format: "esm",
  platform: "neutral",
  target: "es2024",
  dts: { banner: '/// <reference lib="esnext.disposable" />' },
  sourcemap: true,
  clean: true,
  plugins: [
    {
      // An entry that uses nothing of a chunk need not load it, and bundlers warn of such an import: no file of core has
      // effects of its own.
      name: "no-bare-imports",
      renderChunk: (code) => ({ code: code.replace(/^import "\.\/chunk-\w+\.js";$/gm, "") }),
    },
  ],
});
