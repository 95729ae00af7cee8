// The GPT in epochs of a thousand steps, for runs of hours (parallel's soak-hour.ts): what is kept of each epoch stays little.
import { defineJob } from "@shardgrad/parallel";
import job from "./char-gpt.ts";

export default defineJob({
  ...job,
  sampling: { weights: () => 1, samples: 1000 * job.batchSize },
  epochs: 100_000,
});
