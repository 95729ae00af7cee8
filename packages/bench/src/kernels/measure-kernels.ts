// Measures the cases of `bench kernels`: in each round all kernel sets in turn, and what limits them: multiply-adds in
// registers, or a memory copy of the same size.
import { scope } from "@shardgrad/core";
import type { FmaLoop } from "@shardgrad/native/measure";
import type { Spread } from "shardgrad/measure";
import { orderOfRound, pairRounds, spreadOf } from "shardgrad/measure";
import { gemmCases } from "./gemm-cases.ts";
import type { KernelCase, NamedKernels } from "./kernel-case.ts";
import type { FoundKernels } from "./kernel-sets.ts";
import type { Pace } from "./pace.ts";
import { convolutionCases, memoryCases } from "./row-cases.ts";

/** One kernel of one set on one size. */
export interface KernelRow {
  kernel: string;
  shape: string;
  /** Which set of kernels. */
  who: string;
  /** Threads that make this call at the same time, each on memory of its own. */
  threads: number;
  msPerCall: Spread;
  rounds: number;
  /** Of all threads, computed from the median. One is null: which depends on whether the case counts bytes or operations. */
  gflops: number | null;
  gigabytesPerSecond: number | null;
  /** What the same threads reach at most, in the same unit: multiply-adds in registers, or a memory copy of the same size. */
  peak: number | null;
  /** Share, 0 to 1, of that peak: median of the rounds. */
  peakShare: number | null;
}

/** How cases are measured. */
export interface Measuring {
  /** Only cases whose name or shape contains it. */
  only: string;
  rounds: number;
  pace: Pace;
  announce(what: string): void;
}

interface Timed {
  call: () => void;
  count: number;
  ms: Map<number, number>;
}

/** Something timed, with its operations or bytes per call. */
type Limit = Timed & { work: number };

/** Rounds of multiply-adds in one call: enough that the call itself does not count. */
const fmaRounds = 10_000;

/** Reads and writes `bytes` in total, as fast as the C library can. */
function memoryCopy(bytes: number): () => void {
  const half = Math.ceil(bytes / 2);
  const [from, to] = [Buffer.alloc(half, 1), Buffer.alloc(half, 2)];
  return () => void from.copy(to);
}

export const isWanted = (only: string, kernel: string, shape: string): boolean =>
  `${kernel} ${shape}`.includes(only);

function rowOf(
  { kernel, shape, work }: KernelCase,
  who: string,
  threads: number,
  { ms }: Timed,
  limit: Limit | undefined,
): KernelRow {
  const msSpread = spreadOf(ms.values());
  const isCompute = "flops" in work;
  const amount = isCompute ? work.flops : work.bytes;
  const perSecond = (each: number, median: number) => (threads * each) / median / 1e6;
  const speed = perSecond(amount, msSpread.median);
  const share =
    limit && pairRounds(ms, limit.ms, (own, least) => ((amount / own) * least) / limit.work)!.median;
  return {
    kernel,
    shape,
    who,
    threads,
    msPerCall: msSpread,
    rounds: ms.size,
    gflops: isCompute ? speed : null,
    gigabytesPerSecond: isCompute ? null : speed,
    peak: limit ? perSecond(limit.work, spreadOf(limit.ms.values()).median) : null,
    peakShare: share ?? null,
  };
}

/** One case with every set of kernels. */
function measureKernel(
  one: KernelCase,
  sets: readonly NamedKernels[],
  fma: FmaLoop | undefined,
  { rounds, pace }: Measuring,
): KernelRow[] {
  const timed = (call: () => void): Timed => ({ call, count: pace.callsPerStretch(call), ms: new Map() });
  const limitOf = (): Limit | undefined => {
    if ("bytes" in one.work) return { ...timed(memoryCopy(one.work.bytes)), work: one.work.bytes };
    return fma && { ...timed(() => void fma.run(fmaRounds)), work: fmaRounds * fma.flopsPerRound };
  };
  return scope(() => {
    const bind = one.make();
    const contenders = sets.map(({ who, kernels }) => ({ who, timed: timed(bind(kernels)) }));
    const limit = limitOf();
    const all = [...contenders.map((contender) => contender.timed), ...(limit ? [limit] : [])];
    for (let round = 0; round < rounds; round++) {
      for (const { call, count, ms } of orderOfRound(all, round)) ms.set(round, pace.msPerCall(call, count));
    }
    return contenders.map((contender) => rowOf(one, contender.who, pace.threads, contender.timed, limit));
  });
}

/** All cases that are wanted. Threads that measure together call it with the same arguments. */
export function measureKernels({ all, blas, fma }: FoundKernels, measuring: Measuring): KernelRow[] {
  const measure = (cases: readonly KernelCase[], sets: readonly NamedKernels[]) =>
    cases
      .filter(({ kernel, shape }) => isWanted(measuring.only, kernel, shape))
      .flatMap((one) => {
        measuring.announce(`${one.kernel} ${one.shape}`);
        return measureKernel(one, sets, fma, measuring);
      });
  return [
    ...measure(gemmCases, [...all, ...blas]),
    ...measure(convolutionCases, all),
    ...measure(memoryCases, all),
  ];
}
