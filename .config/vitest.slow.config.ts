// Tests that take long, `npm run test:slow`: each is the whole form of a promise that a quick test has a part of.
import quick from "./vitest.config.ts";

const { projects: _, ...common } = quick.test!;

export default {
  ...quick,
  test: {
    ...common,
    include: [
      "packages/*/src/**/*.slow.test.ts",
      "test/**/*.slow.test.ts",
      // The runtimes that these look for are fetched for this run.
      "test/runtimes.test.ts",
      "test/common-js.test.ts",
    ],
    exclude: ["**/node_modules/**"],
    testTimeout: 1_200_000,
  },
};
