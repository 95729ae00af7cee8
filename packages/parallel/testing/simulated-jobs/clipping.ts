// Needs the whole average before any of it is used.
import { defineJob } from "@shardgrad/parallel";
import { parts } from "./parts.ts";

export default defineJob({
  ...parts,
  clipGradNorm: 0.5,
});
