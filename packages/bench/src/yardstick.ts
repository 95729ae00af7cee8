// The machine's own limit, measured by the process sgemm.ts: an entrant in every round.
import { ContenderProcess } from "./contender-process.ts";
import { launches } from "./contenders.ts";
import type { SgemmPrepared, SgemmTurn } from "./protocol.ts";
import type { Entrant } from "./rounds.ts";
import type { ByRound } from "./statistics.ts";

const prepareLimitMs = 60_000;
const turnMs = 150;

export interface Yardstick {
  /** The kernels used. */
  kernels: string;
  /** GFLOP/s of so many threads together, by round. */
  gflops: ReadonlyMap<number, ByRound>;
  entrant: Entrant;
  end(): Promise<void>;
}

/** @param counts numbers of threads to measure */
export async function startYardstick(counts: readonly number[]): Promise<Yardstick> {
  const process = new ContenderProcess(launches.sgemm);
  const threads = Math.max(...counts);
  const { kernels } = await process.ask<SgemmPrepared>({ command: "prepare", threads }, prepareLimitMs);
  const gflops = new Map(counts.map((count) => [count, new Map<number, number>()]));
  const turn = async (round: number) => {
    const limitMs = prepareLimitMs + counts.length * turnMs;
    const command = { command: "run", counts, ms: turnMs } as const;
    const result = await process.ask<SgemmTurn>(command, limitMs);
    for (const [i, count] of counts.entries()) gflops.get(count)!.set(round, result.gflops[i]!);
  };
  return { kernels, gflops, entrant: { name: "sgemm", turn }, end: () => process.end() };
}
