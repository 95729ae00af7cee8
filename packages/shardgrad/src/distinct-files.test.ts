import { resolve } from "node:path";
import { expect, it } from "vitest";
import { requireDistinctFiles } from "./distinct-files.ts";

it("two files of a run that are one are refused, the job among them, and a file in another folder is another", () => {
  expect(() => requireDistinctFiles({ out: "a/w", report: resolve("a/w"), trace: undefined })).toThrow(
    `train: report is ${resolve("a/w")}, and so is out; name another file`,
  );
  expect(() => requireDistinctFiles({ "the job": "a/../job.ts", out: "job.ts" })).toThrow(
    `train: out is ${resolve("job.ts")}, and so is the job; name another file`,
  );
  requireDistinctFiles({ out: "a/w", report: "b/w", trace: undefined, log: undefined });
});
