// One run for everything: unit tests beside their sources, and what crosses packages in test/. What takes long has a run
// of its own, vitest.slow.config.ts.
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import type { TestSpecification } from "vitest/node";
import { BaseSequencer } from "vitest/node";

// All processes of the tests load the same packages, so they need not compile them, and strip types, each anew.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), "node-compile-cache");

/** Those that take longest come first, so that no core waits for one of them at the end. */
const longest = [
  "test/cli.test.ts",
  "test/readme.test.ts",
  "packages/bench/src/main.test.ts",
  "test/sampling.test.ts",
  "test/steps.test.ts",
  "test/resume.test.ts",
  "packages/parallel/src/run/faults.test.ts",
  "test/package.test.ts",
  "test/local-sgd.test.ts",
  "test/batch-norm.test.ts",
  "test/params.test.ts",
  "test/run.test.ts",
  "test/same-bits.test.ts",
  "packages/parallel/src/run/stop-and-failure.test.ts",
  "packages/parallel/src/run/simulation.test.ts",
  "packages/parallel/src/run/checkpointing.test.ts",
  "test/concurrent-runs.test.ts",
  "test/rates-and-norms.test.ts",
  "test/cli-mistakes.test.ts",
  "packages/core/src/kernels/kernels.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const index = longest.findIndex((path) => moduleId.endsWith(`/${path}`));
      return index === -1 ? longest.length : index;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

/** Tests of functions alone, which leave nothing behind: their files share a process, which loads the sources once. */
const functions = [
  "packages/core/src/*.test.ts",
  "packages/core/src/{autograd,gradient-free,io,losses,nn,ops,optim}/**/*.test.ts",
  "packages/data/src/**/*.test.ts",
  "packages/parallel/src/{data,metrics}/**/*.test.ts",
  "packages/shardgrad/src/{graph,plots,scale}/**/*.test.ts",
];
const include = ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"];
const exclude = ["**/node_modules/**", "**/*.slow.test.ts"];

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    projects: [
      { extends: true, test: { name: "functions", include: functions, exclude, isolate: false } },
      { extends: true, test: { name: "runs", include, exclude: [...exclude, ...functions] } },
    ],
    sequence: { sequencer: LongestFirst },
    // Tests start worker threads and reserve large shared memories. A process per file frees both. Many tests wait for a
    // process or a thread: three files at once keep two cores busy, and more would only wait for each other.
    pool: "forks",
    maxWorkers: 3,
    // A busy machine is slow.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Node itself loads the built packages, so that the tests test what ships. A worker thread that imports a package
    // by name gets the same file as the test.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
});
