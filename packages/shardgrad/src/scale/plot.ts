// The speed-up over the number of workers, as a plot: measured, ideal, and what the machine itself allows.
import { basename } from "node:path";
import { chart } from "../plots/chart.ts";
import type { Line, Point } from "../plots/line.ts";
import type { Picture } from "../plots/picture.ts";
import { roundedUp } from "../plots/ticks.ts";
import type { ScaleRow } from "./rows.ts";
import type { ScaleResult } from "./scale.ts";
import type { Spread } from "./statistics.ts";

function pointsOf(rows: readonly ScaleRow[], spread: (row: ScaleRow) => Spread | null): Point[] {
  return rows.flatMap((row) => {
    const found = spread(row);
    return found === null ? [] : [[row.workers, found.median, found.min, found.max] as const];
  });
}

/** The name of the job's file. */
export const jobName = ({ job }: ScaleResult): string => basename(decodeURIComponent(new URL(job).pathname));

/** Both axes begin at 0. */
export function scalePlot(result: ScaleResult): Picture {
  const { rows, machine } = result;
  const { batchSize, shards } = rows[0]!;
  const strong = rows.filter(({ mode }) => mode === "strong");
  const counts = strong.map(({ workers }) => workers);
  const most = Math.max(...counts);
  // The batch of one worker is the same in one piece or in shards of its own.
  const weak = rows.filter(({ mode }) => mode === "undivided" || mode === "weak");
  const lines: Line[] = [
    { name: "ideal", style: 5, marks: "none", points: [1, most].map((x) => [x, x] as const) },
    {
      name: "limit of the machine",
      style: 1,
      marks: "hollow",
      points: pointsOf(strong, ({ limit }) => limit).map(([x, y]) => [x, y] as const),
    },
    { name: "measured", style: 0, points: pointsOf(strong, ({ speedup }) => speedup) },
  ];
  if (weak.some(({ mode }) => mode === "weak")) {
    const points = pointsOf(weak, ({ mode, speedup }) =>
      mode === "weak" ? speedup : { median: 1, min: 1, max: 1 },
    );
    lines.push({ name: "a batch for each", style: 2, points });
  }
  const title = `Speed-up by workers: ${jobName(result)}`;
  const heights = lines.flatMap(({ points }) => points.map(([, y, , high = y]) => high));
  return chart({
    description: title,
    title,
    subtitle: `a batch of ${batchSize} in ${shards} shards, ${result.kernels} kernels, ${machine.cores} cores`,
    x: { label: "workers", from: 0, ticks: [0, ...counts] },
    y: {
      label: "samples/s, relative to one worker",
      from: 0,
      to: roundedUp(Math.max(...heights)),
    },
    lines: lines.filter(({ points }) => points.length > 0),
    names: "ends",
  });
}
