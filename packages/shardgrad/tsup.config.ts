import { build } from "esbuild";
import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    measure: "src/measure.ts",
    cli: "src/cli/main.ts",
    "sgemm-thread": "src/scale/sgemm-thread.ts",
  },
  format: "esm",
  platform: "node",
  target: "node22",
  dts: {
    banner: '/// <reference lib="esnext.disposable" />',
    entry: { index: "src/index.ts", measure: "src/measure.ts" },
  },
  sourcemap: true,
  clean: true,
  // Scripts that pages have inside, with core in them.
  onSuccess: async () => {
    await build({
      entryPoints: { "why-browser": "src/why/browser/main.ts", "report-page": "src/report/page/page.ts" },
      outdir: "dist",
      bundle: true,
      minify: true,
      format: "iife",
      target: "es2022",
    });
  },
});
