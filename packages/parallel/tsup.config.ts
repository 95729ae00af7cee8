import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    "node-version": "src/node-version.ts",
    index: "src/index.ts",
    engine: "src/engine.ts",
    command: "src/command.ts",
    worker: "src/worker-entry.ts",
  },
  format: "esm",
  platform: "node",
  target: "node22",
  dts: {
    banner: '/// <reference lib="esnext.disposable" />',
    entry: {
      "node-version": "src/node-version.ts",
      index: "src/index.ts",
      engine: "src/engine.ts",
      command: "src/command.ts",
      worker: "src/worker-entry.ts",
    },
  },
  sourcemap: true,
  clean: true,
});
