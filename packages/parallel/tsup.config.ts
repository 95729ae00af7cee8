import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    "node-version": "src/node-version.ts",
    index: "src/index.ts",
    engine: "src/engine.ts",
    worker: "src/worker/worker.ts",
    cli: "src/cli/main.ts",
  },
  format: "esm",
  platform: "node",
  target: "node22",
  dts: { entry: { index: "src/index.ts", engine: "src/engine.ts" } },
  sourcemap: true,
  clean: true,
});
