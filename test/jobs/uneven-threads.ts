// A job on which one worker is slower than the others: on threads with an odd id, each sample takes time.
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
