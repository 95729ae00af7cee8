// What `shardgrad profile` prints: the conditions, the kinds of kernels that dominate, and the table.

import type { Profile } from "@shardgrad/core";
import type { JobProfile } from "@shardgrad/parallel";
import { kernelsText, missingText } from "../kernels-text.ts";
import { fitted } from "./streams.ts";

/** The kinds of kernels that take most of the time, with their shares. */
function dominant({ rows }: Profile): string {
  const shares = new Map<string, number>();
  for (const { kernel, share } of rows) shares.set(kernel, (shares.get(kernel) ?? 0) + share);
  return [...shares]
    .sort((a, b) => b[1] - a[1])
    .slice(0, 4)
    .map(([kernel, share]) => `${kernel} ${(share * 100).toFixed(0)} %`)
    .join(", ");
}

export function describeProfile(
  found: Omit<JobProfile, "profile">,
  profile: Profile,
  output: NodeJS.WriteStream,
): string {
  const { samples, flops } = found;
  const lines = [
    ...missingText(found),
    `the step of one worker, with one shard of ${samples} samples, on ${kernelsText(found)}`,
    `mostly ${dominant(profile)}; over the whole step ${(flops / profile.ms / 1e6).toFixed(1)} GFLOP/s`,
  ];
  return [fitted(lines.join("\n"), output), "", String(profile), ""].join("\n");
}
