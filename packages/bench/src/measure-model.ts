// One model, all contenders: each is started and checked by itself, then they take turns. Knows nothing of tables.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFault } from "./check-network.ts";
import { ContenderProcess } from "./contender-process.ts";
import type { Contender } from "./contenders.ts";
import { launches } from "./contenders.ts";
import type { PrepareCommand, Prepared, Turn } from "./protocol.ts";
import type { Entrant } from "./rounds.ts";
import { runRounds } from "./rounds.ts";
import type { ByRound } from "./statistics.ts";
import { limitOfTurn, planTurn } from "./turns.ts";
import { startYardstick } from "./yardstick.ts";
import type { ZooModel } from "./zoo.ts";

/** Building, four steps to check, and warming up. */
const prepareLimitMs = 300_000;
const checkSteps = 4;
/** Some threads look for work for a tenth of a second before they sleep. */
const restMs = 150;

export interface MeasureOptions {
  cores: number;
  rounds: number;
  budgetMs: number;
  announce(what: string): void;
}

export interface Measured {
  contender: Contender;
  /** Milliseconds of one step, by round. */
  msPerStep: ByRound;
  peakMemoryBytes: number;
  version: string;
  /** The largest share of a core that it used while others had their turn. */
  idleShare: number;
  /** Why it has no numbers, or not all of them. */
  reason?: string;
}

export interface ModelMeasured {
  model: ZooModel;
  contenders: Measured[];
  /** GFLOP/s of SGEMM on one core and on all, by round; and what multiplied. */
  sgemm: { kernels: string; one: ByRound; all: ByRound };
}

/** A contender while it is measured. */
interface Running extends Omit<Measured, "msPerStep"> {
  msPerStep: Map<number, number>;
  process?: ContenderProcess;
  /** What the next turn is planned with. */
  estimate: number;
}

const nameOf = ({ who, workers }: Contender) => `${who} ${workers}`;

async function start(
  contender: Contender,
  command: Omit<PrepareCommand, "workers">,
  reference: Prepared,
): Promise<Running> {
  const { launch, workers } = contender;
  const running: Running = {
    contender,
    msPerStep: new Map(),
    peakMemoryBytes: 0,
    version: "",
    idleShare: 0,
    estimate: 0,
  };
  if ("reason" in launch) return { ...running, reason: launch.reason };
  const process = new ContenderProcess(launch);
  try {
    const prepared = await process.ask<Prepared>({ ...command, workers }, prepareLimitMs);
    const fault = findFault(command.model.network, prepared, reference);
    if (fault) throw new Error(fault);
    const { version, msPerStep, peakMemoryBytes } = prepared;
    return { ...running, process, version, peakMemoryBytes, estimate: msPerStep };
  } catch (error) {
    await process.end();
    return { ...running, reason: (error as Error).message };
  }
}

/** Its turns: as many steps as fit, whose times are noted. */
function entrantOf(running: Running): Entrant {
  const turn = async (round: number) => {
    const plan = planTurn(running.estimate);
    const limitMs = limitOfTurn(plan, running.estimate);
    const done = await running.process!.ask<Turn>({ command: "run", ...plan }, limitMs);
    running.estimate = done.ms / done.steps;
    running.msPerStep.set(round, running.estimate);
    running.peakMemoryBytes = done.peakMemoryBytes;
    // Before its first turn it has been waiting since it warmed up, with all that starting leaves behind.
    if (round > 0) running.idleShare = Math.max(running.idleShare, done.idleShare);
  };
  return { name: nameOf(running.contender), turn };
}

/** Writes the files that all start from, and returns what they must come to. */
async function judge(command: PrepareCommand): Promise<Prepared> {
  const process = new ContenderProcess(launches.reference);
  try {
    return await process.ask<Prepared>(command, prepareLimitMs);
  } finally {
    await process.end();
  }
}

/** Measures the contenders on one model, in interleaved rounds. */
export async function measureModel(
  model: ZooModel,
  contenders: readonly Contender[],
  { cores, rounds, budgetMs, announce }: MeasureOptions,
): Promise<ModelMeasured> {
  const folder = await mkdtemp(join(tmpdir(), "shardgrad-bench-"));
  const all: Running[] = [];
  const counts = [...new Set([1, cores])];
  const yardstick = await startYardstick(counts);
  try {
    const command = { command: "prepare", model, folder, checkSteps } as const;
    const reference = await judge({ ...command, workers: 1 });
    for (const contender of contenders) {
      announce(`${model.name}: starting ${nameOf(contender)}`);
      all.push(await start(contender, command, reference));
    }
    const entrants = new Map(all.filter(({ process }) => process).map((one) => [entrantOf(one), one]));
    const failed = await runRounds([yardstick.entrant, ...entrants.keys()], {
      rounds,
      budgetMs,
      restMs,
      announce: (round, name) => announce(`${model.name}: round ${round + 1} of ${rounds}, ${name}`),
    });
    for (const [entrant, error] of failed) {
      const running = entrants.get(entrant);
      if (!running) throw error; // Without the yardstick there is nothing to measure by.
      running.reason = error.message;
    }
    const [one, most] = [yardstick.gflops.get(1)!, yardstick.gflops.get(cores)!];
    return { model, contenders: all, sgemm: { kernels: yardstick.kernels, one, all: most } };
  } finally {
    await Promise.all([yardstick.end(), ...all.map(({ process }) => process?.end())]);
    await rm(folder, { recursive: true });
  }
}
