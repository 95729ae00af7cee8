// A score that is another one at each call, as one would be that depends on the machine; only after the calls before the
// first step, which are compared.
import { defineJob } from "@shardgrad/parallel";
import type { Net } from "./parts.ts";
import { parts } from "./parts.ts";

let calls = 0;

export default defineJob({
  ...parts,
  metrics: {
    ...parts.metrics,
    calls: {
      outputs: (net: Net, rows: Parameters<typeof parts.loss>[1]) => [net.forward(rows.x), rows.y] as const,
      score: () => Math.max(0, ++calls - 16),
    },
  },
});
