// One run for everything: unit tests beside their sources, and what crosses packages in test/. What takes long has a run
// of its own, vitest.slow.config.ts.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"],
    exclude: ["**/node_modules/**", "**/*.slow.test.ts"],
    // Tests start worker threads and reserve large shared memories. A process per file frees both, and more than two at
    // once would only wait for each other's cores.
    pool: "forks",
    maxWorkers: 2,
    // A busy machine is slow.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Node itself loads the built packages, so that the tests test what ships. A worker thread that imports a package
    // by name gets the same file as the test.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
});
