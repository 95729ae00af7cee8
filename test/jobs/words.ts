// The clusters, answered by words.
import { argmax } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
import clusters from "./clusters.ts";

export default defineJob({
  ...clusters,
  decode: (output) => Array.from(argmax(output, 1).toArray(), (one) => `class ${one}`),
});
