// The rows of a log: one for each step and one for each epoch. Knows no file. How those of steps are written while
// they come: step-lines.ts.
import type { EpochEvent, MetricValue, StartEvent } from "@shardgrad/parallel";

export interface LogRow {
  type: "step" | "epoch";
  /** Steps done, and the epoch, counted from 1. */
  step: number;
  epoch: number;
  /** Seconds since 1970. */
  time: number;
  loss: number;
  testLoss?: number | undefined;
  /** The learning rate of the first group of parameters, or of each, if there are several. */
  lr: number;
  lrs?: readonly number[] | undefined;
  gradNorm: number;
  samplesPerSecond: number;
  waitShare: number;
  skipped?: boolean;
  metrics?: Readonly<Record<string, MetricValue>>;
}

export function epochRow(event: EpochEvent): LogRow {
  return { ...event, time: Date.now() / 1000 };
}

/** Whether a row of an earlier run stays when it is resumed after so many steps and epochs. */
export function staysBefore(
  { type, step, epoch }: Pick<LogRow, "type" | "step" | "epoch">,
  resumed: { step: number; epoch: number },
): boolean {
  // The last epoch may have been part of one.
  return type === "step" ? step <= resumed.step : epoch <= resumed.epoch;
}

/** The names of a step's numbers, in order. */
export function stepColumns(groups: number): string[] {
  const others = Array.from({ length: groups - 1 }, (_, group) => `lr ${group + 1}`);
  return ["loss", "lr", ...others, "gradNorm", "samplesPerSecond", "waitShare"];
}

/** The names of a row's numbers, in order, for a run; a metric comes after the name of the evaluated set. */
export function columnsOf({ metrics, groups, testSamples, evaluates }: StartEvent): string[] {
  const single = Object.entries(metrics).filter(([, { shape }]) => shape.length === 0);
  const [loss, ...others] = stepColumns(groups);
  return [
    loss!,
    ...(testSamples > 0 ? [`${evaluates} loss`] : []),
    ...others,
    ...single.map(([name]) => `${evaluates} ${name}`),
  ];
}

/** A row's numbers by these names; absent where it has none. */
export function numbersOf(row: LogRow, evaluates: string): Record<string, number> {
  const { loss, testLoss, lr, lrs = [lr], gradNorm, samplesPerSecond, waitShare, metrics = {} } = row;
  const numbers: Record<string, number> = { loss };
  if (testLoss !== undefined) numbers[`${evaluates} loss`] = testLoss;
  lrs.forEach((rate, group) => {
    numbers[group === 0 ? "lr" : `lr ${group}`] = rate;
  });
  Object.assign(numbers, { gradNorm, samplesPerSecond, waitShare });
  for (const [name, value] of Object.entries(metrics))
    if (typeof value === "number") numbers[`${evaluates} ${name}`] = value;
  return numbers;
}

/** A JSON line; what is not finite is null there. */
export function jsonLine(row: LogRow): string {
  return JSON.stringify(row);
}

/** The row of a JSON line; undefined if it is none of ours. */
export function parseLine(line: string): LogRow | undefined {
  try {
    const row = JSON.parse(line) as LogRow;
    return (row.type === "step" || row.type === "epoch") && row.step >= 0 ? row : undefined;
  } catch {
    return undefined;
  }
}

const fixedColumns = ["type", "step", "epoch", "time"] as const;

const quoted = (name: string) => (/[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name);

/** The first line of a CSV file with these numbers. */
export function csvHeader(columns: readonly string[]): string {
  return [...fixedColumns, ...columns, "skipped"].map(quoted).join(",");
}

/** A number that is there but not finite is NaN or Infinity; an absent one leaves its cell empty. */
export function csvLine(
  { type, step, epoch, time, skipped }: LogRow,
  columns: readonly string[],
  numbers: Readonly<Record<string, number>>,
): string {
  let line = `${type},${step},${epoch},${time},`;
  for (const name of columns) {
    const number = numbers[name];
    // A row that was read back has null for NaN.
    line += number === undefined ? "," : `${number ?? Number.NaN},`;
  }
  return skipped === undefined ? line : `${line}${Number(skipped)}`;
}
