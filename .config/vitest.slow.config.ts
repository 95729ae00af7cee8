// Tests that take long, `npm run test:slow`: each is the whole form of a promise that a quick test has a part of.
import quick from "./vitest.config.ts";

export default {
  ...quick,
  test: {
    ...quick.test,
    // The runtimes are fetched for this run.
    include: ["packages/*/src/**/*.slow.test.ts", "test/**/*.slow.test.ts", "test/runtimes.test.ts"],
    exclude: ["**/node_modules/**"],
    testTimeout: 1_200_000,
  },
};
