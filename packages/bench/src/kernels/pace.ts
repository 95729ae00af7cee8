// Times a call that is too short for the clock, by repeating it: on one thread, or on several at once.
import { Barrier, Control, controlBytes, usableCores } from "@shardgrad/parallel/engine";

/** About how long a stretch of calls takes. */
const stretchMs = 15;

/** Calls it until the number of calls per stretch is known, and so until it is compiled. */
export function callsPerStretch(call: () => void): number {
  for (let count = 1; ; count *= 2) {
    const ms = msPerCall(call, count) * count;
    if (ms >= stretchMs || count >= 2 ** 24) return count;
  }
}

/** Mean over one stretch. */
export function msPerCall(call: () => void, count: number): number {
  const started = performance.now();
  for (let done = 0; done < count; done++) call();
  return (performance.now() - started) / count;
}

/** How stretches are timed. */
export interface Pace {
  readonly threads: number;
  callsPerStretch(call: () => void): number;
  msPerCall(call: () => void, count: number): number;
}

/** On this thread alone. */
export const alone: Pace = { threads: 1, callsPerStretch, msPerCall };

/** What threads share that time together. */
export interface Meeting {
  readonly threads: number;
  readonly control: Int32Array;
  /** One word: the first thread's number of calls. */
  readonly count: Int32Array;
}

export function meetingOf(threads: number): Meeting {
  const shared = (bytes: number) => new Int32Array(new SharedArrayBuffer(bytes));
  return { threads, control: shared(controlBytes(threads)), count: shared(4) };
}

/** Each thread makes the same calls on memory of its own. A stretch begins when all are there, and ends with the last. */
export function together({ threads, control, count }: Meeting, rank: number): Pace & { abort(): void } {
  const barrier = new Barrier(new Control(control, 0), { parties: threads, spin: threads <= usableCores() });
  return {
    threads,
    callsPerStretch(call) {
      const own = callsPerStretch(call);
      if (rank === 0) count[0] = own;
      barrier.wait();
      return count[0]!;
    },
    msPerCall(call, calls) {
      barrier.wait();
      const started = performance.now();
      for (let done = 0; done < calls; done++) call();
      barrier.wait();
      return (performance.now() - started) / calls;
    },
    abort: () => barrier.abort(rank),
  };
}
