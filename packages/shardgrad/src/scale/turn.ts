// One turn of a number of workers: a run of the job of fixed length, whose first steps are not measured.
import type { EndEvent, StartEvent, TrainOptions } from "@shardgrad/parallel";
import { JobError, train } from "@shardgrad/parallel";
import type { StepTime } from "./step-time.ts";
import { stepTimeOf, totalOf } from "./step-time.ts";

/**
 * What is measured is this machine, whoever launched the process. A run that restarts after a failure would be timed with
 * that; without restarts there are no snapshots, either.
 */
const onlyHere = { machines: "off", restarts: 0 } as const;

/** How many steps a turn has: first the unmeasured ones. */
export interface TurnPlan {
  warm: number;
  steps: number;
}

/** About how long new threads need to reach full speed, and how long a turn measures then. */
const [warmMs, measuredMs] = [300, 300];
/** The first two steps record the passes that the others replay. */
const recordingSteps = 2;

/**
 * The plan of turns that all have as many steps, and so end with the same weights.
 *
 * @param msPerStep what one worker needs
 * @param fastest how many times as fast the fastest of them may be, so that its turn is long enough, too
 */
export function planTurn(msPerStep: number, fastest: number): TurnPlan {
  const during = (ms: number) => Math.ceil((ms * fastest) / msPerStep);
  return { warm: Math.max(recordingSteps, during(warmMs)), steps: Math.max(2, during(measuredMs)) };
}

/** The result of a turn. */
export interface Turn {
  msPerStep: number;
  samplesPerSecond: number;
  time: StepTime;
  /** Of `time.compute`, the backward passes. */
  backwardMs: number;
  weightsSha256: string;
}

/** Samples in steps `from` … `to`-1: an epoch's last batch may be smaller. */
export function samplesIn(
  {
    batchSize,
    stepsPerEpoch,
    trainSamples,
  }: Pick<StartEvent, "batchSize" | "stepsPerEpoch" | "trainSamples">,
  from: number,
  to: number,
): number {
  const last = trainSamples - (stepsPerEpoch - 1) * batchSize;
  // Sampling may draw more or fewer than there are; then batches are full.
  const missing = last > 0 && last < batchSize ? batchSize - last : 0;
  const lastBatches = Math.floor(to / stepsPerEpoch) - Math.floor(from / stepsPerEpoch);
  return (to - from) * batchSize - lastBatches * missing;
}

/** Trains `warm + steps` steps, and measures the last `steps` of them. */
export async function takeTurn(
  job: string,
  options: TrainOptions,
  { warm, steps }: TurnPlan,
): Promise<{ turn: Turn; start: StartEvent }> {
  let start: StartEvent | undefined;
  let end: EndEvent | undefined;
  const length = { ...onlyHere, steps: warm + steps, timePhasesFrom: warm };
  for await (const event of train(job, { ...options, ...length })) {
    if (event.type === "start") start = event;
    if (event.type === "end") end = event;
  }
  const measured = end!.steps - warm;
  if (measured < 1) {
    throw new JobError(
      `scale: the run ended after ${end!.steps} steps (${end!.stoppedEarly ?? "it was stopped"}), before any was measured; take earlyStopping out of the job, or give it more patience`,
    );
  }
  const phaseMs = end!.phaseMs!;
  const time = stepTimeOf(phaseMs, measured);
  const msPerStep = totalOf(time);
  const samples = samplesIn(start!, warm, end!.steps);
  return {
    start: start!,
    turn: {
      msPerStep,
      samplesPerSecond: samples / ((msPerStep * measured) / 1000),
      time,
      backwardMs: phaseMs.reduce((sum, worker) => sum + worker.backward, 0) / phaseMs.length / measured,
      weightsSha256: end!.weightsSha256,
    },
  };
}

/** How long the pilot trains, at least, and how many steps it does. */
const [pilotMs, pilotSteps] = [300, 3];

/** Trains for a moment with one worker, to learn how long a step takes. */
export async function takePilot(
  job: string,
  options: TrainOptions,
): Promise<{ start: StartEvent; msPerStep: number }> {
  const run = train(job, { ...options, ...onlyHere, workers: 1 });
  let start: StartEvent | undefined;
  let begunMs: number | undefined;
  let rate = 0;
  for await (const event of run) {
    if (event.type === "start") start = event;
    if (event.type === "end") rate = event.samplesPerSecond;
    if (event.type !== "progress") continue;
    begunMs ??= performance.now();
    if (event.step >= pilotSteps && performance.now() - begunMs > pilotMs) run.stop();
  }
  return { start: start!, msPerStep: (1000 * start!.batchSize) / rate };
}
