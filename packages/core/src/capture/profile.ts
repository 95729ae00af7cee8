// profile: where the time of a compiled step goes, kernel by kernel. Replays it with a clock between the calls.

import { bytesPerElement } from "../dtype.ts";
import { CaptureError, ValueError } from "../errors.ts";
import { checkOptions, optionNames } from "../options.ts";
import { sizeOf } from "../shape.ts";
import { latestRecording } from "./compile.ts";
import { flops } from "./costs.ts";
import { operandsOf, shapesOf } from "./operands.ts";
import type { Recording } from "./recording.ts";

/** Options of `profile`. */
export interface ProfileOptions {
  /** Measured replays, after three unmeasured ones; default 20. Each is a real step, with all its changes. */
  rounds?: number;
}

const profileOptions = optionNames<ProfileOptions>({ rounds: true });

/** A kernel call of the step, or several similar ones. */
export interface ProfileRow {
  /** Name of the kernel, or of a host step. */
  kernel: string;
  /** Shapes of its tensors. */
  operands: string;
  /** How many such calls a step makes. */
  calls: number;
  /** Bytes of these tensors, over all calls. */
  bytes: number;
  /** Multiplications and additions of all calls; 0 for kernels that are limited by memory. */
  flops: number;
  /** Milliseconds of all calls together: the median over the rounds. */
  ms: number;
  /** Share of the step's time, 0 to 1. */
  share: number;
}

/** The result of `profile`. `toString()` is a table. */
export interface Profile {
  /** Most expensive first. */
  rows: readonly ProfileRow[];
  /** Milliseconds of a replay without the clock, median. */
  ms: number;
  /** The table: a line per row. */
  toString(): string;
}

/** Calls of one kernel with operands of the same shapes. */
interface Group extends Pick<ProfileRow, "kernel" | "operands" | "calls" | "bytes" | "flops"> {
  /** Milliseconds in each round. */
  times: number[];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The group of each step of a recording. */
function groupSteps(recording: Recording, rounds: number): Group[] {
  const groups = new Map<string, Group>();
  const operands = operandsOf(recording);
  return recording.steps.map(({ name, args, isKernel }, index) => {
    const tensors = operands[index]!;
    const shapes = shapesOf(tensors);
    const key = `${name} ${shapes}`;
    let group = groups.get(key);
    if (!group) {
      const times = new Array<number>(rounds).fill(0);
      group = { kernel: name, operands: shapes, calls: 0, bytes: 0, flops: 0, times };
      groups.set(key, group);
    }
    group.calls++;
    for (const { shape, dtype } of tensors) group.bytes += sizeOf(shape) * bytesPerElement[dtype];
    if (isKernel) group.flops += flops(name, args);
    return group;
  });
}

/**
 * Measures the kernels of a compiled step, which must have been called at least three times. Replays it twice as often
 * as the options say, with the arguments of the last call. Each replay changes what a call changes: a training step
 * trains.
 *
 * @throws CaptureError if no call was replayed yet
 */
export function profile(compiled: { readonly recordings: number }, options: ProfileOptions = {}): Profile {
  checkOptions("profile", options, profileOptions);
  const { rounds = 20 } = options;
  if (!(Number.isInteger(rounds) && rounds > 0)) {
    throw new ValueError(`profile: rounds is ${rounds}, expected an integer of at least 1`);
  }
  const recording = latestRecording(compiled);
  if (!recording) {
    throw new CaptureError(
      "profile: no call was replayed yet; call the compiled function three times before",
    );
  }
  const groupOf = groupSteps(recording, rounds);
  const wholes: number[] = [];
  for (let round = -3; round < rounds; round++) {
    const start = performance.now();
    recording.replay();
    if (round >= 0) wholes.push(performance.now() - start);
    let before = 0;
    recording.replaySteps((index) => {
      const now = performance.now();
      if (round >= 0 && index > 0) groupOf[index - 1]!.times[round]! += now - before;
      before = performance.now();
    });
  }
  const all = [...new Set(groupOf)].map(({ times, ...group }) => ({ ...group, ms: median(times) }));
  const total = all.reduce((sum, { ms }) => sum + ms, 0);
  const rows = all.map((row) => ({ ...row, share: total > 0 ? row.ms / total : 0 }));
  rows.sort((a, b) => b.ms - a.ms);
  const ms = median(wholes);
  return { rows, ms, toString: () => formatTable(rows, ms) };
}

const headings = ["kernel", "operands", "calls", "MB", "MFLOP", "ms", "share", "GFLOP/s", "GB/s"];

function formatTable(rows: readonly ProfileRow[], ms: number): string {
  const cells = rows.map((row) => [
    row.kernel,
    row.operands,
    String(row.calls),
    row.bytes > 0 ? (row.bytes / 1e6).toFixed(2) : "",
    row.flops > 0 ? (row.flops / 1e6).toFixed(1) : "",
    row.ms.toFixed(3),
    `${(row.share * 100).toFixed(1)} %`,
    row.flops > 0 ? (row.flops / row.ms / 1e6).toFixed(1) : "",
    row.bytes > 0 && row.flops === 0 ? (row.bytes / row.ms / 1e6).toFixed(1) : "",
  ]);
  const widths = headings.map((heading, i) =>
    Math.max(heading.length, ...cells.map((row) => row[i]!.length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("  ")
      .trimEnd();
  return [line(headings), ...cells.map(line), `whole step ${ms.toFixed(3)} ms`].join("\n");
}
