// What a simulated run may do: whatever happens, it ends in bounded time, with the weights of an undisturbed one or with
// its first failure, and leaves nothing running.
import { pollMs } from "../src/attempt/attempt.ts";
import { UnendingThreadError, WorkerError } from "../src/errors.ts";
import { SimulatedDisk } from "./simulated-disk.ts";
import type { Feature, Mutations, Schedule, Told } from "./simulated-run.ts";
import { perEpoch, scheduleOf, simulate, stallMs, undisturbed } from "./simulated-run.ts";

const known = new Map<string, Promise<Told>>();

/** The result of an undisturbed run of so many steps. */
function expectedOf(feature: Feature, steps: number): Promise<Told> {
  const key = `${feature} ${steps}`;
  const told = known.get(key) ?? undisturbed(feature, steps);
  known.set(key, told);
  return told;
}

const shown = ({ epochs }: Told) =>
  epochs.map(({ epoch, step, loss, metrics }) => ({ epoch, step, loss, metrics }));

/** What is wrong with the result; empty if it is right. */
async function violations({ feature, steps, ...schedule }: Schedule, told: Told): Promise<string[]> {
  const found: string[] = [];
  const must = (holds: boolean, what: string) => void (holds || found.push(what));
  const { error, end, failures, restarts } = told;

  must(told.movesAfterEnd === 0 || error instanceof UnendingThreadError, "workers moved after the end");
  const whole = await expectedOf(feature, steps);
  // A finished epoch; the last one may be partial.
  const over = told.epochs.filter(({ step }) => step % perEpoch === 0).length;
  const same = JSON.stringify(shown(told).slice(0, over)) === JSON.stringify(shown(whole).slice(0, over));
  must(same, "epochs were told that are others");
  must(restarts.length <= schedule.restarts, "more restarts than allowed");
  for (const { failedStep, fromStep } of restarts)
    must(fromStep <= failedStep, "it went back to a later step");

  if (end) {
    must(end.steps === whole.end!.steps || end.stopped, "it ended before its last step");
    must(end.steps >= told.toldSteps, "a step that was told of was undone");
    if (end.steps > 0) {
      const expected = await expectedOf(feature, end.steps);
      must(end.weightsSha256 === expected.end!.weightsSha256, "the weights are others");
      must(JSON.stringify(end.metrics) === JSON.stringify(expected.end!.metrics), "the metrics are others");
      must(JSON.stringify(shown(told)) === JSON.stringify(shown(expected)), "epochs are others, or missing");
    }
    must(failures.length <= restarts.length + 1, "a failure went unnoticed");
  } else if (error instanceof UnendingThreadError) {
    must(failures.at(-1)?.message === "unending", "no thread was unending");
  } else {
    must(error instanceof WorkerError, `it ended with ${String((error as Error)?.stack ?? error)}`);
    must(failures.length > 0, "nothing had failed");
    const mistake = failures.at(-1)?.message === "a mistake";
    must(restarts.length === schedule.restarts || mistake || samePlace(told), "it gave up too early");
  }
  // A hanging worker is found in time: each attempt ends soon after its failure.
  const quickMs = steps * 4 * 30 * 4 + 2000;
  const boundMs = (restarts.length + 1) * (quickMs + stallMs + 4 * pollMs) + 10_000;
  must(told.endMs < boundMs, `it took ${told.endMs} ms, expected less than ${boundMs}`);
  return found;
}

/** The last failure recurred at a place. */
const samePlace = ({ restarts, error }: Told): boolean =>
  restarts.some(({ failedStep, message }) => {
    const place = /in step \d+ \(\w+\)|while preparing/;
    const [a] = place.exec(message) ?? [];
    return error instanceof WorkerError && (failedStep === error.step || a === "while preparing");
  });

/** A run that was stopped or failed resumes from its newest checkpoint, and ends the same way. */
async function violationsOfResume(schedule: Schedule, disk: SimulatedDisk): Promise<string[]> {
  const { feature, steps, checkpoint } = schedule;
  const calm = { ...schedule, workers: checkpoint!.resumedOn, faults: [], stopMs: undefined };
  const { end, error } = await simulate(calm, { disk, resume: true });
  const whole = await expectedOf(feature, steps);
  if (!end) return [`resumed, it ended with ${String(error)}`];
  const same = end.weightsSha256 === whole.end!.weightsSha256 && end.steps === whole.end!.steps;
  return same ? [] : ["resumed, it came to other weights"];
}

/** Runs a schedule, resumes as needed, and returns what is wrong. */
export async function doWhole(schedule: Schedule, mutations: Mutations = {}) {
  const disk = new SimulatedDisk();
  await disk.makeDirectory("/run");
  const told = await simulate(schedule, { ...mutations, disk });
  const found = await violations(schedule, told);
  // A process with a thread that cannot be ended must end itself, and then its lock is stale.
  const resumes = schedule.checkpoint && !(told.error instanceof UnendingThreadError);
  if (resumes) found.push(...(await violationsOfResume(schedule, disk)));
  return { told, resumes, found };
}

/** Runs `count` schedules from a seed on; throws if one does anything wrong. Counts the kinds of ends. */
export async function runSchedules(first: number, count: number): Promise<Record<string, number>> {
  const counts = {
    whole: 0,
    restarted: 0,
    failed: 0,
    stopped: 0,
    unending: 0,
    checkpoints: 0,
    resumed: 0,
    early: 0,
  };
  for (let seed = first; seed < first + count; seed++) {
    const schedule = scheduleOf(seed);
    const { told, resumes, found } = await doWhole(schedule);
    if (found.length > 0) throw new Error(`seed ${seed}: ${found.join("; ")}: ${JSON.stringify(schedule)}`);
    if (told.error instanceof UnendingThreadError) counts.unending++;
    else if (told.error) counts.failed++;
    else if (told.restarts.length > 0) counts.restarted++;
    else counts.whole++;
    if (told.end?.stopped) counts.stopped++;
    if (resumes) counts.resumed++;
    if (told.end?.stoppedEarly) counts.early++;
    counts.checkpoints += told.checkpoints.length;
  }
  return counts;
}
