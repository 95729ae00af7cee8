// Ends after three epochs, as no later one improves enough on the first.
import { defineJob } from "@shardgrad/parallel";
import { parts } from "./parts.ts";

export default defineJob({
  ...parts,
  earlyStopping: { metric: "error", patience: 2, minDelta: 1 },
});
