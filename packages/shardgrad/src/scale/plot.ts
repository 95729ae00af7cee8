// The speed-up over the number of workers, as a plot: measured, ideal, and what the machine itself allows.
import { basename } from "node:path";
import type { PlotLine, PlotPoint } from "../plots/line-plot.ts";
import { linePlot } from "../plots/line-plot.ts";
import type { ScaleRow } from "./rows.ts";
import type { ScaleResult } from "./scale.ts";
import type { Spread } from "./statistics.ts";

function pointsOf(rows: readonly ScaleRow[], spread: (row: ScaleRow) => Spread | null): PlotPoint[] {
  return rows.flatMap((row) => {
    const found = spread(row);
    return found === null ? [] : [{ x: row.workers, y: found.median, low: found.min, high: found.max }];
  });
}

/** The name of the job's file. */
export const jobName = ({ job }: ScaleResult): string => basename(decodeURIComponent(new URL(job).pathname));

/** An SVG document. */
export function scalePlot(result: ScaleResult): string {
  const { rows, machine } = result;
  const { batchSize, shards } = rows[0]!;
  const strong = rows.filter(({ mode }) => mode === "strong");
  const counts = strong.map(({ workers }) => workers);
  const most = Math.max(...counts);
  // The batch of one worker is the same in one piece or in shards of its own.
  const weak = rows.filter(({ mode }) => mode !== "strong");
  const lines: PlotLine[] = [
    { name: "ideal", look: "reference", points: [1, most].map((x) => ({ x, y: x })) },
    {
      name: "limit of the machine",
      look: "second",
      points: pointsOf(strong, ({ limit }) => limit).map(({ x, y }) => ({ x, y })),
    },
    { name: "measured", look: "main", points: pointsOf(strong, ({ speedup }) => speedup) },
  ];
  if (weak.some(({ mode }) => mode === "weak")) {
    const points = pointsOf(weak, ({ mode, speedup }) =>
      mode === "weak" ? speedup : { median: 1, min: 1, max: 1 },
    );
    lines.push({ name: "a batch for each", look: "third", points });
  }
  return linePlot({
    title: `Speed-up by workers: ${jobName(result)}`,
    subtitle: `a batch of ${batchSize} in ${shards} shards, ${result.kernels} kernels, ${machine.cores} cores`,
    xLabel: "workers",
    yLabel: "samples per second, relative to one worker",
    xTicks: [0, ...counts],
    lines: lines.filter(({ points }) => points.length > 0),
  });
}
