// One model, all contenders: starts and checks each by itself, then they take turns. Knows nothing of tables.
import { chooseKernels } from "@shardgrad/parallel/command";
import type { ByRound } from "shardgrad/measure";
import { runRounds, startYardstick } from "shardgrad/measure";
import { findFault } from "./check-network.ts";
import { ContenderProcess } from "./contender-process.ts";
import type { Contender } from "./contenders.ts";
import { referenceLaunch } from "./contenders.ts";
import { Entry, prepareLimitMs, restMs } from "./entry.ts";
import type { PrepareCommand, Prepared } from "./protocol.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import type { ZooModel } from "./zoo.ts";

/** Whose losses are compared. */
export const checkSteps = 4;

export interface MeasureOptions {
  rounds: number;
  budgetMs: number;
  announce(what: string): void;
}

export interface ModelMeasured {
  model: ZooModel;
  contenders: readonly (readonly [Contender, Entry])[];
  /** GFLOP/s of SGEMM on one core and on all, by round; and the kernels used. */
  sgemm: { kernels: string; one: ByRound; all: ByRound };
}

/** Writes the files that all start from, and returns the expected results. */
export async function judge(command: PrepareCommand): Promise<Prepared> {
  const process = new ContenderProcess(referenceLaunch);
  try {
    return await process.ask<Prepared>(command, prepareLimitMs);
  } finally {
    await process.end();
  }
}

/** Measures the contenders on one model, in interleaved rounds. */
export async function measureModel(
  model: ZooModel,
  listed: readonly Contender[],
  cores: number,
  { rounds, budgetMs, announce }: MeasureOptions,
): Promise<ModelMeasured> {
  using folder = temporaryFolder();
  const contenders = listed.map(
    (contender) => [contender, new Entry(`${contender.who} ${contender.workers}`)] as const,
  );
  const kernels = await chooseKernels("bench", "auto", import.meta.url);
  const yardstick = await startYardstick([...new Set([1, cores])], kernels);
  try {
    const command = { command: "prepare", model, folder: folder.path, checkSteps } as const;
    const reference = await judge({ ...command, workers: 1 });
    for (const [{ launch, workers }, entry] of contenders) {
      announce(`${model.name}: starting ${entry.name}`);
      await entry.start(launch, { ...command, workers }, (prepared) =>
        findFault(model.network, prepared, reference),
      );
    }
    const ready = contenders.map(([, entry]) => entry).filter((entry) => entry.isReady);
    const failed = await runRounds([yardstick.entrant, ...ready], {
      rounds,
      budgetMs,
      restMs,
      announce: (round, name) => announce(`${model.name}: round ${round + 1} of ${rounds}, ${name}`),
    });
    // Without the yardstick there is no efficiency to report.
    const broken = failed.get(yardstick.entrant);
    if (broken) throw broken;
    const { gflops } = yardstick;
    const sgemm = { kernels: kernels.blas?.description ?? kernels.native?.description ?? kernels.set };
    return { model, contenders, sgemm: { ...sgemm, one: gflops.get(1)!, all: gflops.get(cores)! } };
  } finally {
    await Promise.all([yardstick.end(), ...contenders.map(([, entry]) => entry.end())]);
  }
}
