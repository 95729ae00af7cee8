// Changes the average in its place, which several machines have no second time.
import { defineJob } from "@shardgrad/parallel";
import { parts } from "./parts.ts";

export default defineJob({
  ...parts,
  clipGradValue: 0.1,
});
