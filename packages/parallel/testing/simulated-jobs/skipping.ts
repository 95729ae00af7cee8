// A sample whose error is infinite: the step that has it is skipped.
import { defineJob } from "@shardgrad/parallel";
import { parts } from "./parts.ts";

const { train, test } = parts.dataset;
const data = train.y.data.with(9, 3e38);

export default defineJob({
  ...parts,
  dataset: { train: { ...train, y: { ...train.y, data } }, test },
  onNonFinite: "skip",
});
