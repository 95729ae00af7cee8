import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts", "src/engine.ts", "src/kernels.ts", "src/testing.ts"],
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
