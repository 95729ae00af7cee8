// Measures the cases of `bench kernels`: in each round all kernel sets in turn, and a memory copy of the same size.
import { scope } from "@shardgrad/core";
import type { Kernels } from "@shardgrad/core/engine";
import type { Spread } from "shardgrad/measure";
import { orderOfRound, pairRounds, spreadOf } from "shardgrad/measure";
import type { KernelCase } from "./kernel-case.ts";
import { callsPerStretch, msPerCall } from "./repeated.ts";

/** One kernel of one set on one size. */
export interface KernelRow {
  kernel: string;
  shape: string;
  /** Which set of kernels. */
  who: string;
  msPerCall: Spread;
  rounds: number;
  /** Computed from the median. One is null: which depends on whether the case counts bytes or operations. */
  gflops: number | null;
  gigabytesPerSecond: number | null;
  /** Share, 0 to 1, of the speed of a memory copy of the same size: median of the rounds. */
  copyShare: number | null;
}

/** A set of kernels by its name. */
export interface NamedKernels {
  who: string;
  kernels: Kernels;
}

interface Timed {
  call: () => void;
  count: number;
  ms: Map<number, number>;
}

const timed = (call: () => void): Timed => ({ call, count: callsPerStretch(call), ms: new Map() });

/** Reads and writes `bytes` in total, as fast as the C library can. */
function memoryCopy(bytes: number): () => void {
  const half = Math.ceil(bytes / 2);
  const [from, to] = [Buffer.alloc(half, 1), Buffer.alloc(half, 2)];
  return () => void from.copy(to);
}

function rowOf(
  { kernel, shape, work }: KernelCase,
  who: string,
  { ms }: Timed,
  copy: Timed | undefined,
): KernelRow {
  const msSpread = spreadOf(ms.values());
  const perSecond = (amount: number) => amount / msSpread.median / 1e6;
  const share = copy && pairRounds(ms, copy.ms, (own, copied) => copied / own)!.median;
  return {
    kernel,
    shape,
    who,
    msPerCall: msSpread,
    rounds: ms.size,
    gflops: "flops" in work ? perSecond(work.flops) : null,
    gigabytesPerSecond: "bytes" in work ? perSecond(work.bytes) : null,
    copyShare: share ?? null,
  };
}

/** One case with every set of kernels. */
export function measureKernel(one: KernelCase, sets: readonly NamedKernels[], rounds: number): KernelRow[] {
  return scope(() => {
    const bind = one.make();
    const contenders = sets.map(({ who, kernels }) => ({ who, timed: timed(bind(kernels)) }));
    const copy = "bytes" in one.work ? timed(memoryCopy(one.work.bytes)) : undefined;
    const all = [...contenders.map((contender) => contender.timed), ...(copy ? [copy] : [])];
    for (let round = 0; round < rounds; round++) {
      for (const { call, count, ms } of orderOfRound(all, round)) ms.set(round, msPerCall(call, count));
    }
    return contenders.map((contender) => rowOf(one, contender.who, contender.timed, copy));
  });
}
