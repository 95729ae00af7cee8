// The GPT in epochs of a thousand steps, for runs of hours (parallel's soak-hour.ts): few epochs leave few records.
import { defineJob } from "@shardgrad/parallel";
import job from "./char-gpt.ts";

export default defineJob({
  ...job,
  sampling: { weights: () => 1, samples: 1000 * job.batchSize },
  epochs: 100_000,
});
