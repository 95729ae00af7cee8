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
      // No file of core has effects of its own, so what a program does not use can be dropped, but bundlers cannot know: a
      // call may do anything. An entry that uses nothing of a chunk need not load it either, and bundlers warn of such imports.
      name: "no-effects",
      renderChunk: (code) => ({
        code: code
          .replace(/^import "\.\/chunk-\w+\.js";$/gm, "")
          .replace(
            /^var (\w+) = \{\};\n__export\(\1, /gm,
            "var $1 = /* @__PURE__ */ ((of, all) => (__export(of, all), of))({},\n",
          )
          .replace(/^(var \w+ = )(?!function)(?=(new )?[\w.]+\()/gm, "$1/* @__PURE__ */ "),
      }),
    },
  ],
});
