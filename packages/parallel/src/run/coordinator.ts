// The main thread's part of a run, from the job's data to the result. It prepares what the threads share, lets workers
// do all steps (again from the last snapshot if one fails), reports their progress, and cleans up. On no critical path.
//
//   kernels, job → prepare-run → start event → resume-run → comparison → attempts (attempt/) → end event
//
// Must not know worker/: it starts workers by their URL.
import { setImmediate } from "node:timers/promises";
import type { AnyModule } from "@shardgrad/core";
import { safetensorsParts } from "@shardgrad/core";
import { attempt } from "../attempt/attempt.ts";
import type { Environment } from "../attempt/course.ts";
import { planCourse, readPaces, resetWords, thisMachine } from "../attempt/course.ts";
import type { Launch } from "../attempt/launch.ts";
import { withRestarts } from "../attempt/recovery.ts";
import { Stragglers } from "../attempt/stragglers.ts";
import { identifyJob } from "../attempt/threads.ts";
import type { StoreEnvironment } from "../checkpoint/store.ts";
import { planKept } from "../checks/kept-numbers.ts";
import { stepsPerEpoch } from "../data/sampling.ts";
import type { WorkerError } from "../errors.ts";
import { UnendingThreadError } from "../errors.ts";
import type { RestartEvent, TrainEvent, TrainResult } from "../events.ts";
import { findJob } from "../job/load-job.ts";
import type { Sources } from "../job/sources.ts";
import { namedState } from "../job/torch-names.ts";
import type { Onlooker } from "../onlooker.ts";
import { wantedBy } from "../onlooker.ts";
import { HeapRoom } from "../plan/heap-room.ts";
import type { RunKernels } from "../plan/run-kernels.ts";
import { chooseKernels } from "../plan/run-kernels.ts";
import type { TrainOptions } from "../plan/train-options.ts";
import { checkOptions } from "../plan/train-options.ts";
import { trainedParameters } from "../shared/arrays/untrained.ts";
import { lookAt } from "../shared/bind-model.ts";
import type { Layout } from "../shared/layout.ts";
import { slotBytes } from "../shared/snapshots/snapshot-slots.ts";
import { goBack, newestSlot, takeFirst } from "../shared/snapshots/snapshots.ts";
import { GlanceReader } from "../shared/tables/glances.ts";
import { readCalls } from "../shared/tables/kernel-calls.ts";
import { readMarks } from "../shared/tables/phase-marks.ts";
import { toldRates } from "../shared/tables/step-records.ts";
import type { RecordedSteps } from "./callbacks.ts";
import { withCallbacks } from "./callbacks.ts";
import type { RunCheckpoints } from "./checkpointing.ts";
import { detachModel, endEvent } from "./end-event.ts";
import type { TransportSource } from "./machine-line.ts";
import { findTransport, MachineLine } from "./machine-line.ts";
import {
  agreeOnStop,
  compareResults,
  compareRuns,
  greet,
  spreadPosition,
  withoutFiles,
} from "./machine-talks.ts";
import { probeOnMain } from "./main-probe.ts";
import { checkOutput, writeOutput } from "./output.ts";
import type { Run } from "./prepare-run.ts";
import { prepareRun } from "./prepare-run.ts";
import { Progress } from "./progress.ts";
import { ReservedMemory } from "./reserved-memory.ts";
import { resumeRun } from "./resume-run.ts";
import { SnapshotFile } from "./snapshot-file.ts";
import { startEvent, tellOfSchedules } from "./start-event.ts";
import { planWorkers } from "./worker-setups.ts";
import { requireWritableFolder } from "./writable.ts";

/** Who watches a run, and may stop it. */
export interface Watcher extends Pick<Onlooker, "steps" | "glances" | "marks" | "kernels"> {
  /** Called first. It may refuse the run, by an error. */
  begin?: () => Promise<void>;
  emit: (event: TrainEvent) => void;
  stopRequested: () => boolean;
}

/** What a run takes from the machine: threads, the clock, and the disk for checkpoints. Tests replace these. */
export interface RunEnvironment extends Environment {
  store?: StoreEnvironment;
  /** The way to other machines, if there are any. */
  transport?: (jobUrl: string) => Promise<TransportSource | undefined>;
}

/** Does a whole run. When the promise settles, everything it started has ended, and its memory is free again. */
export async function coordinate<M extends AnyModule>(
  launch: Launch,
  given: TrainOptions,
  { begin, emit, stopRequested, ...onlooker }: Watcher,
  environment: RunEnvironment = thisMachine,
): Promise<TrainResult<M>> {
  const memory = new ReservedMemory();
  let line: MachineLine | undefined;
  let checkpoints: RunCheckpoints | undefined;
  let snapshotFile: SnapshotFile | undefined;
  let recorded: RecordedSteps | undefined;
  const publish = withCallbacks(given, emit, () => recorded, onlooker.steps);
  try {
    // First, so that one machine tells of what all refuse, and none waits for one that has refused.
    line = await openLine(launch, given, environment);
    await begin?.();
    checkOptions(given);
    const kernels = await chooseKernels("train", given.kernels ?? "auto", launch.jobUrl);
    // Machine 0 writes what all have.
    const options = line && line.machine > 0 ? withoutFiles(given) : given;
    const among = line && (await greet(line, options, kernels));
    const out = await checkOutput("train", options.out);
    const folder = options.checkpoint?.directory;
    // A store may have a disk of its own. Whether it is a path at all is checked with the other options.
    if (!environment.store && typeof folder === "string" && folder !== "")
      await requireWritableFolder(`train: checkpoint ${folder}`, folder);
    const found = await findJob("train", launch.jobUrl, () => identifyJob(launch));
    const place = { memory, room: new HeapRoom(kernels) };
    const run = await prepareRun(launch.jobUrl, found, { options, wanted: wantedBy(onlooker), among }, place);
    const { model, control, plan, layout } = run;
    const { stepRecords: records, stepTimes: times } = layout;
    if (records) recorded = { records, times, perEpoch: stepsPerEpoch(run.sampling) };
    await line?.talk((connection) => compareRuns(connection, run));
    // Where there is no room, the run has not begun.
    snapshotFile = placeSnapshots(run);
    publish(startEvent(run, kernels, line));
    if (plan.machines.machine === 0) tellOfSchedules(run.optimizer, plan.steps);
    const resuming = resumeRun(run, kernels, options, publish, environment.store);
    await line?.talk((connection) => spreadPosition(connection, run), resuming);
    checkpoints = await resuming;
    run.kept = planKept(model, layout, run.state.step);
    resetWords(run);
    if (run.snapshots) takeFirst(run.snapshots, control, run.state);
    if (!stopRequested() && run.state.step < plan.steps) run.found = await probeOnMain(run, kernels);
    const setupOf = planWorkers(run, launch.jobUrl, kernels.set, memory, line?.url);
    const progress = new Progress(run, publish);
    // A listener of the start event may have stopped the run. Then there is nothing to train and nothing to save.
    const asked = stopRequested();
    const isStopped = line ? await line.talk((connection) => agreeOnStop(connection, asked)) : asked;
    if (!isStopped) {
      // After they have agreed: one that was stopped has called no function.
      await line?.talk((connection) => compareResults(connection, run));
      const tellMarks = marksTeller(layout, onlooker);
      const tellGlances = glancesTeller(run, onlooker.glances);
      const following = { progress, checkpoints, publish, stopRequested, tellMarks, tellGlances };
      await trainWithRestarts(run, { launch, kernels, setupOf, environment }, following);
    }
    const write = async () => {
      if (!isStopped)
        await checkpoints?.finish(run.snapshots!, control, (epochs) => progress.metricsAt(epochs));
      if (plan.useEma) lookAt(trainedParameters(model), layout, layout.ema!);
      const best = await checkpoints?.findBest();
      const end = endEvent(run, progress, { best, out });
      if (out !== undefined) {
        const weights = safetensorsParts(namedState(model, options.names), run.metadata);
        await writeOutput(out, weights.parts(), { operation: "train", content: "the weights" });
      }
      return end;
    };
    const writing = write();
    // The others end when everything is written.
    await line?.talk((connection) => connection.shareTexts(""), writing);
    const end = await writing;
    detachModel(model);
    // What fails from here on is no other machine's.
    const others = line;
    line = undefined;
    await tellAndLeave(() => publish(end), others);
    return { ...end, model: model as M };
  } catch (error) {
    // What another machine still sends must not meet other numbers.
    if (line || error instanceof UnendingThreadError) memory.abandon();
    // If the line is broken, that is no better reason than this one.
    await line?.fail(error, checkpoints?.close()).catch(() => undefined);
    throw error;
  } finally {
    await checkpoints?.close();
    snapshotFile?.close();
    memory.release();
  }
}

/** Makes the file of a run that keeps its snapshots on disk. */
function placeSnapshots({ snapshots }: Run): SnapshotFile | undefined {
  if (snapshots?.place !== "disk") return undefined;
  const file = SnapshotFile.open(snapshots.slots.length * slotBytes(snapshots.arrays));
  const { path, folder } = file;
  snapshots.file = { path, folder };
  return file;
}

/** Opens the line to the other machines of a launch, if there are any. */
async function openLine(
  { jobUrl }: Launch,
  { machines = "auto", stallSeconds = 0 }: TrainOptions,
  { clock, transport = findTransport }: RunEnvironment,
): Promise<MachineLine | undefined> {
  const source = machines === "off" ? undefined : await transport(jobUrl);
  return source && new MachineLine(source, clock, stallSeconds * 1000);
}

/**
 * Tells of the end before it leaves the other machines: a launcher that was asked to end them all answers no more, so
 * that they wait in MPI_Finalize until it kills them.
 */
async function tellAndLeave(tell: () => void, line: MachineLine | undefined): Promise<void> {
  try {
    tell();
    // Events reach who iterates over them later than listeners.
    if (line) await setImmediate();
  } finally {
    line?.close();
  }
}

/** What starts workers, and what they start with. */
interface Starting {
  launch: Launch;
  kernels: RunKernels;
  setupOf: ReturnType<typeof planWorkers>;
  environment: RunEnvironment;
}

/** What the main thread does while the workers train. */
interface Following extends Pick<Watcher, "stopRequested"> {
  progress: Progress;
  checkpoints: RunCheckpoints | undefined;
  publish: (event: TrainEvent) => void;
  tellMarks: () => void;
  tellGlances: () => void;
}

/** Tells an onlooker what is new of the workers' marks, and their kernel calls once. */
function marksTeller(
  { marks: table, kernelCalls }: Layout,
  { marks: tell, kernels: tellKernels }: Pick<Onlooker, "marks" | "kernels">,
): () => void {
  if (!table || !tell) return () => undefined;
  const told = new Array<number>(table.rows).fill(0);
  const waiting = new Set(tellKernels && told.keys());
  return () => {
    told.forEach((count, rank) => {
      const marks = readMarks(table, rank, count);
      told[rank] = count + marks.length;
      if (marks.length > 0) tell(rank, marks);
    });
    for (const rank of waiting) {
      const calls = readCalls(kernelCalls!, rank);
      if (!calls) continue;
      waiting.delete(rank);
      tellKernels!(rank, calls);
    }
  };
}

/** Tells an onlooker what is new of the steps that workers looked at. */
function glancesTeller({ layout, control, sampling }: Run, tell: Onlooker["glances"]): () => void {
  if (!layout.glances || !tell) return () => undefined;
  const reader = new GlanceReader(layout.glances, control);
  const perEpoch = stepsPerEpoch(sampling);
  return () => {
    const steps = reader.read().map(({ lrs, ...glance }) => {
      return { ...glance, ...toldRates(lrs), epoch: Math.ceil(glance.step / perEpoch) };
    });
    if (steps.length > 0) tell(steps);
  };
}

/** Lets workers do all steps. If one fails, retries from the last snapshot if that may help. */
async function trainWithRestarts(run: Run, starting: Starting, following: Following): Promise<void> {
  const { control, plan } = run;
  const { environment } = starting;
  const { progress, checkpoints, publish, stopRequested, tellMarks, tellGlances } = following;
  const stragglers = new Stragglers();
  const metricsAt = (epochs: number) => progress.metricsAt(epochs);
  const hasLoaded = (sources: Sources) => run.sources.note(sources);
  const passOnStop = () => {
    if (stopRequested()) control.store("stopRequested", 1);
  };
  const look = () => {
    passOnStop();
    progress.poll();
    tellMarks();
    tellGlances();
    for (const found of stragglers.look(control.load("step"), environment.clock.nowMs(), readPaces(run)))
      publish({ type: "straggler", ...found });
    checkpoints?.poll(run.snapshots!, control, metricsAt);
  };
  await withRestarts({
    restarts: plan.restarts,
    attempt: () => attempt(planCourse(run, { ...starting, hasLoaded, look }, environment)),
    obstacle: () => run.sources.obstacle ?? withoutSnapshots(plan, checkpoints),
    goBack: (failure, restart) => {
      publish(takeBack(run, progress.told, failure, restart));
      // A stopped run's next attempt goes no further than it must.
      passOnStop();
    },
  });
}

/** Why a run that keeps no snapshots does not restart, and from where it can be resumed. */
function withoutSnapshots(
  { snapshots }: Run["plan"],
  checkpoints: RunCheckpoints | undefined,
): string | undefined {
  if (snapshots.place !== "off") return undefined;
  const step = checkpoints?.newestStep;
  return `snapshots is "off"${step === undefined ? "" : `; resume it from the checkpoint of step ${step}`}`;
}

/** Rewinds a run in which a worker failed to its last snapshot; no worker runs. */
function takeBack(run: Run, told: number, failure: WorkerError, restart: number): RestartEvent {
  run.told = told;
  run.state = goBack(run.snapshots!, newestSlot(run.control)!);
  run.found = undefined;
  const { rank, step, phase, message } = failure;
  const { restarts } = run.plan;
  const fromStep = run.state.step;
  return { type: "restart", rank, failedStep: step, phase, message, fromStep, restart, restarts };
}
