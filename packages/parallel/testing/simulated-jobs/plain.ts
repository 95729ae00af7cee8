// Nothing but a loss and a metric.
import { defineJob } from "@shardgrad/parallel";
import { parts } from "./parts.ts";

export default defineJob({
  ...parts,
});
