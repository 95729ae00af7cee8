// What machines say to each other before their workers begin: who they are, whether they have the same run, and where
// it begins.
import { versions } from "node:process";
import { hashBytes } from "../data/column-hash.ts";
import type { Said, SaidKernels } from "../machines/agreement.ts";
import { requireSame, requireSameBits } from "../machines/agreement.ts";
import type { Connection } from "../machines/connection.ts";
import type { Waiting } from "../machines/news.ts";
import { usableCores } from "../plan/cpu-limit.ts";
import { relaxedFuses } from "../plan/fused-multiply-add.ts";
import { hashPackages } from "../plan/package-hash.ts";
import { identifyRun, settingsOf } from "../plan/run-identity.ts";
import type { RunKernels } from "../plan/run-kernels.ts";
import { describeKernels } from "../plan/run-kernels.ts";
import type { Among } from "../plan/run-plan.ts";
import type { TrainOptions } from "../plan/train-options.ts";
import { lastingArrays } from "../shared/snapshots/snapshots.ts";
import { tableBytes } from "../shared/tables/float64-table.ts";
import { decodeState, encodeState } from "../state.ts";
import type { MachineLine } from "./machine-line.ts";
import type { Run } from "./prepare-run.ts";
import type { Begun } from "./progress.ts";

/** The options of a machine that writes no files: machine 0 does. */
export function withoutFiles({ checkpoint: _, resume, out, names, ...options }: TrainOptions): TrainOptions {
  return options;
}

/** Options that change what a step does, or how many there are. */
const common = [
  "shards",
  "epochs",
  "steps",
  "batchSize",
  "accumulate",
  "seed",
  "params",
  "syncEvery",
  "hogwild",
  "reduce",
  "onNonFinite",
  "useEma",
] as const satisfies (keyof TrainOptions)[];

function saidOf(kernels: RunKernels): SaidKernels {
  const fuses = relaxedFuses() === true;
  const text = Object.values(describeKernels(kernels)).join(", ");
  // Machine code and relaxed SIMD are made from the same definitions, with the same roundings.
  const isCommon = kernels.set === "native" || (kernels.set === "wasm-relaxed" && fuses);
  return { family: isCommon ? "fused" : text, description: text, fuses };
}

interface Greeting {
  workers?: number;
  cores: number;
  kernels: SaidKernels;
  said: Said;
}

/**
 * The first words: versions, options and kernels.
 *
 * @throws MachineError if these differ
 */
export async function greet(line: MachineLine, options: TrainOptions, kernels: RunKernels): Promise<Among> {
  const given = common.filter((name) => options[name] !== undefined);
  const greeting: Greeting = {
    ...(options.workers !== undefined && { workers: options.workers }),
    cores: usableCores(),
    kernels: saidOf(kernels),
    said: {
      "Node.js": versions.node,
      "the packages' code": hashPackages(),
      ...Object.fromEntries(given.map((name) => [`the option ${name}`, JSON.stringify(options[name])])),
    },
  };
  const texts = await line.talk((connection) => connection.shareTexts(JSON.stringify(greeting)));
  const greetings = texts.map((text): Greeting => JSON.parse(text));
  requireSame(greetings.map(({ said }) => said));
  requireSameBits(greetings.map((each) => each.kernels));
  return { machine: line.machine, said: greetings.map(({ workers, cores }) => ({ workers, cores })) };
}

const shortHash = (text: string) => hashBytes(new TextEncoder().encode(text)).slice(0, 8);

/**
 * Whether all have prepared the same run: data, model, optimizer, settings.
 *
 * @throws MachineError if not
 */
export function* compareRuns(connection: Connection, run: Run): Waiting {
  const { job, sampling, train, test, plan, optimizer, built, described, layout } = run;
  const { details, ...sizes } = identifyRun(job, sampling, train);
  const texts = (parts: object) =>
    Object.fromEntries(Object.entries(parts).map(([name, value]) => [name, String(value)]));
  const said: Said = {
    ...texts(sizes),
    ...texts(details ?? {}),
    ...texts(settingsOf(job, optimizer, plan, test)),
    "a model": `of ${layout.flatSize} numbers (${shortHash(JSON.stringify(built))})`,
    optimizer: described,
    steps: String(plan.steps),
    "evaluated samples": String(test?.samples ?? 0),
    // What all have loaded comes first, so that a file that differs is named.
    ...Object.fromEntries(
      Object.entries(run.sources.relativeOnMain).map(([path, sum]) => [
        `a file of the job, ${path}, with the hash`,
        sum.slice(0, 8),
      ]),
    ),
  };
  const all = yield* connection.shareTexts(JSON.stringify(said));
  requireSame(all.map((text): Said => JSON.parse(text)));
}

/**
 * Whether the job's functions return the same for the same rows. With samples by shard, machines have no rows in common.
 *
 * @throws MachineError if not
 */
export function* compareResults(connection: Connection, { found, sampling }: Run): Waiting {
  const common = sampling.order.kind === "by shard" ? [] : (found ?? []);
  const digests = common.flatMap((each) => each.digests ?? []);
  const said: Said = Object.fromEntries(
    digests.map(({ name, kind, hash }) => [
      `${name} for the first rows, with the hash`,
      `${hash.slice(0, 8)} (${kind})`,
    ]),
  );
  const texts = yield* connection.shareTexts(JSON.stringify(said));
  const all = texts.map((text): Said => JSON.parse(text));
  // What a function throws is told when workers call it.
  const names = Object.keys(said).filter((name) => all.every((other) => Object.hasOwn(other, name)));
  requireSame(all.map((each) => Object.fromEntries(names.map((name) => [name, each[name]!]))));
}

/** Where machine 0 begins, which may have resumed, and its numbers. */
export function* spreadPosition(connection: Connection, run: Run): Waiting {
  const { layout, optimizer } = run;
  const position = { state: run.state, begun: run.begun };
  const [text] = yield* connection.shareTexts(connection.machine === 0 ? encodeState(position) : "");
  if (connection.machine > 0) {
    const found = decodeState(text!) as { state: Run["state"]; begun: Omit<Begun, "bestValue"> };
    run.state = found.state;
    run.begun = { bestValue: undefined, ...found.begun };
    optimizer.stepCount = run.state.stepCount;
  }
  if (run.state.step === 0) return;
  const { address, rows, columns } = layout.epochs;
  yield* connection.spread([...lastingArrays(layout), { address, bytes: tableBytes(rows, columns) }]);
}

/** Whether any of them is to stop before its first step. */
export function* agreeOnStop(connection: Connection, isStopped: boolean): Waiting<boolean> {
  const said = yield* connection.shareTexts(isStopped ? "stop" : "");
  return said.includes("stop");
}
