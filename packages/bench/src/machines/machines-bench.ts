// `bench machines`: steps of several machines over links of a given rate, beside one machine and beside PyTorch's
// DistributedDataParallel over gloo on the same machines, in interleaved rounds.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describeMachine, runRounds } from "shardgrad/measure";
import { useBlasIfThere } from "../best-kernels.ts";
import { findFault } from "../check-network.ts";
import { restMs } from "../entry.ts";
import { findPython } from "../find-python.ts";
import { machineReport } from "../machine-report.ts";
import { checkSteps, judge } from "../measure-model.ts";
import type { OutputOptions } from "../options.ts";
import { announce, deliver } from "../output.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import type { ZooModel } from "../zoo.ts";
import { GlooEntry } from "./gloo-entry.ts";
import type { MachinesRow } from "./machines-report.ts";
import { linksText, machinesRow, modelReport, summaryTable } from "./machines-report.ts";
import type { Namespaces } from "./namespaces.ts";
import { bringUp, SurroundingsError } from "./namespaces.ts";
import type { TrainWay } from "./train-command.ts";
import { TrainEntry } from "./train-command.ts";

export interface MachinesOptions extends OutputOptions {
  models: readonly ZooModel[];
  machines: number;
  /** Bits a second of each link; as fast as the kernel copies if absent. */
  rate?: number;
  /** Seconds, one way. */
  delay: number;
  /** Of the measured steps of one turn. */
  seconds: number;
  /** Another checkout's shardgrad.js, compared with this one's. */
  command?: string;
}

const ownCommand = fileURLToPath(new URL("../../../shardgrad/bin/shardgrad.js", import.meta.url));

/** @param python with PyTorch */
async function measure(
  model: ZooModel,
  python: string,
  namespaces: Namespaces,
  { machines, rounds, seconds, command: other }: MachinesOptions,
) {
  using folder = temporaryFolder();
  const together: Omit<TrainWay, "name" | "command"> = {
    ...{ model, folder: folder.path, seconds, machines: "auto", batchSize: model.batch, shards: machines },
    launches: (command, args) => [namespaces.onAll(command, args)],
  };
  const alone: Omit<TrainWay, "name"> = {
    ...{ ...together, machines: "off", command: ownCommand },
    launches: (command, args) => [namespaces.on(0, command, args)],
  };
  const part: Omit<TrainWay, "name"> = {
    ...{ ...alone, batchSize: Math.ceil(model.batch / machines), shards: 1 },
    launches: (command, args) => Array.from({ length: machines }, (_, i) => namespaces.on(i, command, args)),
  };
  const one = new TrainEntry({ name: "one machine", ...alone });
  const computing = new TrainEntry({ name: "a machine's part, without the network", ...part });
  const own = new TrainEntry({ name: "shardgrad", command: ownCommand, ...together });
  const others =
    other === undefined ? [] : [new TrainEntry({ name: "other shardgrad", command: other, ...together })];
  const gloo = new GlooEntry({ python, machines, namespaces, seconds });
  const entries = [one, computing, own, ...others, gloo];
  const tell = (what: string) => announce(`${model.name}: ${what}`);
  try {
    tell("checking");
    const command = { command: "prepare", model, folder: folder.path, checkSteps, workers: 1 } as const;
    const reference = await judge(command);
    await gloo.check(command, (prepared) => findFault(model.network, prepared, reference));
    await one.check();
    await computing.check();
    // With as many shards, machines must not change a bit.
    for (const entry of [own, ...others]) await entry.check(one.checked?.end.weightsSha256);
    await runRounds(
      entries.filter(({ reason }) => reason === undefined),
      {
        rounds,
        budgetMs: Number.POSITIVE_INFINITY,
        restMs,
        announce: (round, name) => tell(`round ${round + 1} of ${rounds}, ${name}`),
      },
    );
  } finally {
    await gloo.end();
  }
  return { model, one, computing, own, other: others[0], gloo };
}

export async function benchMachines(given: MachinesOptions): Promise<void> {
  const command = given.command === undefined ? undefined : resolve(given.command);
  if (command !== undefined && !existsSync(command))
    throw new SurroundingsError(
      `machines: --command is ${command}, which does not exist; expected the path of a built packages/shardgrad/bin/shardgrad.js`,
    );
  const options: MachinesOptions = { ...given, ...(command !== undefined && { command }) };
  const { models, machines, rate: bitsPerSecond, delay: delaySeconds } = options;
  const machine = describeMachine(useBlasIfThere());
  const links = { machines, bitsPerSecond, delaySeconds };
  using namespaces = bringUp(links);
  const found = await findPython("PyTorch");
  if ("reason" in found) throw new SurroundingsError(`machines: ${found.reason}`);
  const rows: MachinesRow[] = [];
  for (const model of models) {
    rows.push(machinesRow(await measure(model, found.python, namespaces, options), links));
  }
  const parts = [`# Machines: ${linksText(links)}`, machineReport(machine), summaryTable(rows)];
  deliver(
    [...parts, ...rows.map(modelReport)].join("\n\n"),
    rows.map((row) => ({ ...row, machine })),
    options,
  );
}
