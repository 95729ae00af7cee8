import { defineConfig } from "tsup";

export default defineConfig({
  entry: ["src/index.ts", "src/engine.ts", "src/kernels.ts", "src/testing.ts"],
  format: "esm",
  platform: "neutral",
  target: "es2024",
  dts: { banner: '/// <reference lib="esnext.disposable" />' },
  sourcemap: true,
  clean: true,
});
