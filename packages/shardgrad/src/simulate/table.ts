// The predicted numbers as lines of text that fit a terminal, and as tables of a page.
import type { Column } from "../scale/fitting-table.ts";
import { fittingTable, labelled } from "../scale/fitting-table.ts";
import { digits, percent, ratio } from "../scale/numbers.ts";
import type { PageSection } from "../scale/page.ts";
import { wrap } from "../wrap.ts";
import type { MachinesRow, Simulation } from "./rows.ts";
import { bandwidthText, latencyText } from "./units.ts";

const count = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

const columnsOfMachines: readonly Column<MachinesRow>[] = [
  { title: "machines", cell: ({ machines }) => count.format(machines), drop: 0 },
  {
    title: "samples each",
    cell: ({ batchSize, machines }) => count.format(Math.ceil(batchSize / machines)),
    drop: 4,
  },
  { title: "computing", cell: ({ localMs }) => digits(localMs), drop: 3 },
  {
    title: "network",
    cell: ({ machines, networkMs }) => (machines === 1 ? "–" : digits(networkMs)),
    drop: 2,
  },
  { title: "ms a step", cell: ({ msPerStep }) => digits(msPerStep), drop: 0 },
  { title: "samples/s", cell: ({ samplesPerSecond }) => count.format(samplesPerSecond), drop: 1 },
  { title: "speed-up", cell: ({ speedup }) => ratio(speedup), drop: 5 },
  { title: "efficiency", cell: ({ efficiency }) => percent(efficiency), drop: 0 },
];

const labelOf = ({ mode, bitsPerSecond }: MachinesRow) =>
  `${bandwidthText(bitsPerSecond)}, ${mode === "strong" ? "the batch shared" : "a batch each"}`;

/** What the numbers are made of, in one line. */
export function basisLine({ workers, gradientBytes, latencySeconds, overlap }: Simulation): string {
  const each = workers === 1 ? "1 worker" : `${workers} workers`;
  const when = overlap ? "" : ", sent after the backward pass";
  return `predicted for several such machines of ${each}, a gradient of ${digits(gradientBytes / 1e6)} MB${when}, a latency of ${latencyText(latencySeconds)}`;
}

/** Why there are no more rows: the first reason stands for those of all larger numbers. */
const reasonsOf = ({ refused }: Simulation) => refused.slice(0, 1).map(({ reason }) => reason);

/** The whole prediction. */
export function machinesLines(simulation: Simulation, columns: number): string[] {
  const { rows, advice } = simulation;
  const [titles, ...lines] = fittingTable(columnsOfMachines, rows, columns);
  return [
    ...wrap(basisLine(simulation), columns),
    "",
    titles,
    ...labelled(lines, rows, labelOf),
    "",
    ...reasonsOf(simulation).flatMap((line) => wrap(line, columns)),
    ...advice.flatMap((line) => wrap(`→ ${line}`, columns)),
  ];
}

/** The same for the page of a measurement. */
export function machinesSection(simulation: Simulation): PageSection {
  const { rows, advice } = simulation;
  return {
    title: "Several machines",
    sentences: [...reasonsOf(simulation), ...advice],
    caption: basisLine(simulation),
    head: ["", ...columnsOfMachines.map(({ title }) => title)],
    rows: rows.map((row) => [labelOf(row), ...columnsOfMachines.map(({ cell }) => cell(row))]),
  };
}
