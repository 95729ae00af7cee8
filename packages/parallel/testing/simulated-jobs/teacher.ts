// State that no gradient trains, and an average of the weights.
import { add, mul } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
import { parts } from "./parts.ts";

export default defineJob({
  ...parts,
  afterStep: ({ teacher, last }) => teacher.copyFrom(add(mul(teacher, 0.9), mul(last.weight, 0.1))),
  ema: { decay: 0.8 },
});
