// One run for everything: unit tests beside their sources, and what crosses packages in test/.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    include: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"],
    // Tests start worker threads and reserve large shared memories: a process of its own gives both back, and
    // more than two at once would only have them wait for each other's cores.
    pool: "forks",
    maxWorkers: 2,
    // A machine that is busy with other things takes its time.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Node itself loads the built packages: what is tested is what ships, and a worker thread that imports one
    // by name gets the same file as the test.
    server: { deps: { external: [/\/packages\/[^/]+\/dist\//] } },
  },
});
