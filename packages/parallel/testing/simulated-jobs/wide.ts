// So many numbers that the gradients leave for other machines in several parts.
import { Linear, Sequential } from "@shardgrad/core";
import { defineJob } from "@shardgrad/parallel";
import { Net, parts } from "./parts.ts";

export default defineJob({
  ...parts,
  model: () => new Net(new Sequential(new Linear(4, 520), new Linear(520, 520), new Linear(520, 4))),
});
