// Normalizes over the whole batch: shards exchange moments within their passes.
import { BatchNorm1d } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
import { Net, parts } from "./parts.ts";

export default defineJob({
  ...parts,
  model: () => new Net(new BatchNorm1d(4)),
});
