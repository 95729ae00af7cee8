// The lines that the command prints for an event: a table with one row for each type.

import type {
  CheckpointEvent,
  EndEvent,
  EpochEvent,
  EventType,
  RestartEvent,
  ResumeEvent,
  StartEvent,
  StragglerEvent,
  TrainEvent,
} from "@shardgrad/parallel";
import { kernelsText, missingText, threadsText, workersText } from "../kernels-text.ts";
import { matrixLines } from "./matrix-lines.ts";

type EventOf<T extends EventType> = Extract<TrainEvent, { type: T }>;

/** The newest event of each type so far. `start` always comes first. */
export type Seen = { [T in EventType]?: EventOf<T> } & { start: StartEvent };

export const count = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

type Evaluated = Pick<EpochEvent, "metrics" | "testLoss">;

/** How shards train if they do not run in lockstep. */
function describeApart({ syncEvery, hogwild }: StartEvent): string {
  if (syncEvery === undefined) return "";
  return hogwild
    ? `, Hogwild (waiting every ${count.format(syncEvery)} steps)`
    : `, Local SGD (averaged every ${syncEvery === 1 ? "step" : `${count.format(syncEvery)} steps`})`;
}

function startLines(event: StartEvent): string[] {
  const { parameters, frozen, trainSamples, testSamples, steps, batchSize, accumulate } = event;
  const accumulated = accumulate === 1 ? "" : ` (${accumulate} micro-batches)`;
  const heldOut = event.evaluates === "test" ? "to test" : "held out";
  const still = frozen === undefined ? "" : ` (${count.format(frozen)} frozen)`;
  const line = `${count.format(parameters)} parameters${still}, ${count.format(trainSamples)} samples (${count.format(testSamples)} ${heldOut}); ${threadsText(event)}, ${kernelsText(event)}, ${count.format(steps)} steps of ${batchSize}${accumulated}${describeApart(event)}`;
  const set = Object.entries(event.params).map(([name, value]) => `${name} ${value}`);
  return [line, ...(set.length === 0 ? [] : [`with ${set.join(", ")}`]), ...missingText(event)];
}

/** The loss and the metrics that are single numbers, after the name of the evaluated set. */
function formatMetrics({ metrics, testLoss }: Evaluated, { evaluates }: StartEvent): string {
  const single = Object.entries({ ...(testLoss !== undefined && { loss: testLoss }), ...metrics })
    .filter((entry): entry is [string, number] => typeof entry[1] === "number")
    .map(([name, value]) => `${name} ${value.toFixed(4)}`);
  return single.length === 0 ? "" : `  ${evaluates} ${single.join(", ")}`;
}

function epochLine(event: EpochEvent, start: StartEvent): string {
  const { epochs, stepsPerEpoch } = start;
  const { epoch, step, loss, samplesPerSecond } = event;
  const number = String(epoch).padStart(String(epochs).length);
  const done = step % stepsPerEpoch;
  const part = done === 0 ? "" : `  (${done} of its ${stepsPerEpoch} steps)`;
  return `epoch ${number}/${epochs}  loss ${loss.toFixed(4)}${formatMetrics(event, start)}  ${count.format(samplesPerSecond).padStart(7)} samples/s${part}`;
}

/** A larger share of waiting earns a hint, if the run took so long that advice is worth it. */
const [idleShare, idleSeconds] = [0.3, 3];

function idleHint(share: number, stepMs: number, machines: number | undefined): string {
  const percent = Math.round(share * 100);
  const step = `(a step takes ${stepMs.toFixed(2)} ms)`;
  return machines === undefined
    ? `workers spent ${percent} % of the time at the barrier, waiting for the slowest and waking up ${step}: fewer workers or a larger batch may be faster`
    : `workers spent ${percent} % of the time waiting for other machines, the network and each other ${step}: a larger batch, --sync-every, or fewer machines may be faster`;
}

function endLines(event: EndEvent, { start, resume, checkpoint }: Seen): string[] {
  const begunAt = resume?.step ?? 0;
  const saved = checkpoint?.committed === "yes";
  const { steps, seconds, samplesPerSecond, waitShare, metrics, weightsSha256, stopped, out } = event;
  const { stoppedEarly, skipped, best } = event;
  const weights = `weights  sha256 ${weightsSha256.slice(0, 16)}…${out === undefined ? "" : `  written to ${out}`}`;
  const waited =
    waitShare > idleShare && seconds > idleSeconds
      ? [idleHint(waitShare, (start.batchSize / samplesPerSecond) * 1000, start.machines)]
      : [];
  if (steps === begunAt && (!stopped || stoppedEarly !== undefined))
    return [
      "",
      `nothing left to do: ${count.format(steps)} steps were done before${formatMetrics(event, start)}`,
      ...(stoppedEarly === undefined
        ? []
        : [`it had ended early: ${stoppedEarly}; to go on, give it more patience`]),
      weights,
    ];
  const state = stopped ? `stopped after ${count.format(steps)} steps in` : "trained in";
  return [
    "",
    `${state} ${seconds.toFixed(2)} s${formatMetrics(event, start)}  ${count.format(samplesPerSecond)} samples/s on ${start.machines ? `${start.machines} machines` : workersText(start.workers)} (${start.kernels})`,
    weights,
    ...matrixLines(metrics, start.evaluates),
    ...(best ? [`best     ${best.metric} ${best.value.toFixed(4)} in ${best.path}`] : []),
    ...(stopped && saved && stoppedEarly === undefined ? ["go on from there with --resume"] : []),
    ...(stoppedEarly === undefined ? [] : [`ended early: ${stoppedEarly}`]),
    ...(skipped === 0
      ? []
      : [
          `${skipped === 1 ? "1 step was" : `${count.format(skipped)} steps were`} skipped, as something was not finite, or had no weight`,
        ]),
    ...waited,
  ];
}

function checkpointLines({ step, committed, path, error, notes }: CheckpointEvent): string[] {
  const outcome = committed === "yes" ? `step ${step} saved in ${path}` : error!.replace(/^checkpoint: /, "");
  return [`checkpoint  ${outcome}`, ...notes];
}

function resumeLines({ path, step, changes, notes }: ResumeEvent): string[] {
  const outcome =
    path === undefined
      ? "no checkpoint to resume from: starting from the beginning"
      : `resuming from step ${step}: ${path}`;
  const changed = changes.length > 0 ? [`resumed with ${changes.join(", ")}`] : [];
  return [...notes, outcome, ...changed];
}

function restartLine({ message, fromStep, restart, restarts }: RestartEvent): string {
  return `${message}; restarting from step ${fromStep} (${restart} of ${restarts})`;
}

function stragglerLine({ rank, ratio, steps }: StragglerEvent): string {
  return `worker ${rank} is ${ratio.toFixed(1)}× slower than the median over ${steps} steps, and the others wait for it: is its core in use?`;
}

const linesByType: { readonly [T in EventType]: (event: EventOf<T>, seen: Seen) => string[] } = {
  start: startLines,
  resume: resumeLines,
  // The bar shows it.
  progress: () => [],
  epoch: (event, { start }) => [epochLine(event, start)],
  checkpoint: checkpointLines,
  restart: (event) => [restartLine(event)],
  straggler: (event) => [stragglerLine(event)],
  end: endLines,
};

export function linesOf<T extends EventType>(event: EventOf<T>, seen: Seen): string[] {
  return linesByType[event.type as T](event, seen);
}
