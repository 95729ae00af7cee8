import { expect, it } from "vitest";
import { portsAfterJobs } from "./option-flags.ts";

it.each([
  ["train --watch job.ts --epochs 3", "train job.ts --watch --epochs 3"],
  ["train --watch 2.mts", "train 2.mts --watch"],
  ["train --watch 8080 job.ts", "train --watch 8080 job.ts"],
  ["train --watch 80x job.ts", "train --watch 80x job.ts"],
  ["train --watch --epochs 3 job.ts", "train --watch --epochs 3 job.ts"],
  ["train job.ts --watch", "train job.ts --watch"],
  ["train -- --watch job.ts", "train -- --watch job.ts"],
])("the job after --watch is not its port: %s", (typed, meant) => {
  expect(portsAfterJobs(typed.split(" ")).join(" ")).toBe(meant);
});
