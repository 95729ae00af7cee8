// Which tensors the steps of a recording work on, and a replay with a clock between the calls.
import { formatShape } from "../shape.ts";
import type { Use } from "./recorded-steps.ts";
import type { Recording } from "./recording.ts";

/** The tensors of each step, in the order of its arguments. */
export function operandsOf({ steps, usesOfTensors }: Recording): Use["x"][][] {
  let use = 0;
  return steps.map(({ args }, index) => {
    // An op takes the addresses of its tensors right before its kernel call.
    const operands = new Map<number, Use["x"]>();
    for (; use < usesOfTensors.length && usesOfTensors[use]!.steps <= index; use++) {
      const { address, x } = usesOfTensors[use]!;
      if (args.includes(address)) operands.set(address, x);
    }
    return args.flatMap((arg) => operands.get(arg) ?? []);
  });
}

/** `[32,784] [784,10]` */
export const shapesOf = (operands: readonly Use["x"][]): string =>
  operands.map(({ shape }) => formatShape(shape)).join(" ");

/** A kernel call of a replay, in milliseconds by the thread's `performance.now()`. */
export interface TimedCall {
  kernel: string;
  /** Shapes of its tensors. */
  operands: string;
  startMs: number;
  endMs: number;
}

/** Replays a recording, and times its kernel calls one by one. */
export function timedReplay(recording: Recording): TimedCall[] {
  const { steps } = recording;
  const startsMs = new Float64Array(steps.length + 1);
  recording.replaySteps((index) => {
    startsMs[index] = performance.now();
  });
  const operands = operandsOf(recording);
  return steps.flatMap(({ name, isKernel }, i) =>
    isKernel
      ? [{ kernel: name, operands: shapesOf(operands[i]!), startMs: startsMs[i]!, endMs: startsMs[i + 1]! }]
      : [],
  );
}
