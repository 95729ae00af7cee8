// A job that one worker takes longer for than the others: on threads with an odd number, each sample costs time.
import { threadId } from "node:worker_threads";
import { defineJob } from "@shardgrad/parallel";
import clusters from "./clusters.ts";

const spin = (ms: number) => {
  for (const startMs = performance.now(); performance.now() - startMs < ms; );
};

export default defineJob({
  ...clusters,
  augment: () => {
    spin(threadId % 2 ? 0.2 : 0.02);
  },
  batchSize: 16,
  epochs: 40,
});
