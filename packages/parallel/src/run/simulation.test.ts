// Thousands of runs in which fake workers fail at every kind of moment: whatever happens, a run ends with the weights of
// one in which nothing happened, or with its first failure; in bounded time; and nothing of it goes on.
import { describe, expect, test } from "vitest";
import type { Mutations, Schedule } from "../../testing/fake-worker.ts";
import { perEpoch, withoutWorkers } from "../../testing/simulated-memory.ts";
import type { Told } from "../../testing/simulated-run.ts";
import { scheduleOf, simulate, stallMs } from "../../testing/simulated-run.ts";
import { pollMs } from "../attempt/attempt.ts";
import { resetWords } from "../attempt/course.ts";
import { UnendingThreadError, WorkerError } from "../errors.ts";
import type { RunState } from "../shared/snapshots.ts";
import { SnapshotWriter } from "../shared/snapshots.ts";

/** What is wrong with what came out; nothing, as it should be. */
function violations({ workers: _, ...schedule }: Schedule, told: Told): string[] {
  const found: string[] = [];
  const must = (holds: boolean, what: string) => void (holds || found.push(what));
  const { weights, sums } = withoutWorkers(schedule.steps);
  const { error, failures, restarts } = told;
  const first = failures[0];

  must(told.movesAfterEnd === 0 || error instanceof UnendingThreadError, "workers moved after the end");
  for (const [step, saved] of told.checkpoints) {
    must(saved.join() === weights[step]!.join(), `the checkpoint of step ${step} is torn`);
  }
  for (const [epoch, sum] of told.epochs) {
    const steps = sums.slice(epoch * perEpoch, Math.min(told.steps, (epoch + 1) * perEpoch));
    const whole = steps.length === perEpoch || error === undefined;
    must(!whole || Math.abs(sum - steps.reduce((a, b) => a + b, 0)) < 1e-9, `epoch ${epoch} has another sum`);
  }
  must(restarts.length <= schedule.restarts, "more restarts than allowed");
  for (const { failedStep, fromStep } of restarts)
    must(fromStep <= failedStep, "it went back to a later step");

  if (error === undefined) {
    must(told.steps === schedule.steps || told.stopped, "it ended before its last step");
    must(told.steps >= told.toldSteps, "a step that was told of was undone");
    must(told.weights.join() === weights[told.steps]!.join(), "the weights are others");
    must(told.epochs.length === Math.ceil(told.steps / perEpoch), "epochs are missing");
    must(failures.length <= restarts.length + 1, "a failure went unnoticed");
    const best = schedule.best ? bestStep(sums.slice(0, told.steps)) : 0;
    must(best === 0 || told.checkpoints.some(([step]) => step === best), "the best epoch is not saved");
  } else if (error instanceof UnendingThreadError) {
    must(failures.at(-1)?.message === "unending", "no thread was unending");
  } else {
    must(error instanceof WorkerError, `it ended with ${String(error)}`);
    must(first !== undefined, "nothing had failed");
    const mistake = failures.at(-1)?.message === "a mistake";
    must(restarts.length === schedule.restarts || mistake || samePlace(told), "it gave up too early");
  }
  // A worker that hangs is found in time: each attempt ends soon after its failure.
  const quickMs = schedule.steps * 4 * 12 * 4 + 1000;
  const boundMs = (restarts.length + 1) * (quickMs + stallMs + 4 * pollMs) + 10_000;
  must(told.endMs < boundMs, `it took ${told.endMs} ms, expected less than ${boundMs}`);
  return found;
}

/** The last step of the epoch with the lowest sum, of those that are over; 0 if there is none. */
function bestStep(sums: readonly number[]): number {
  let [best, lowest] = [0, Number.POSITIVE_INFINITY];
  for (let end = perEpoch; end <= sums.length; end += perEpoch) {
    const sum = sums.slice(end - perEpoch, end).reduce((a, b) => a + b, 0);
    if (sum < lowest) [best, lowest] = [end, sum];
  }
  return best;
}

/** The last failure came at a place where one had been before. */
const samePlace = ({ restarts, error }: Told): boolean =>
  restarts.some(({ failedStep, message }) => {
    const place = /in step \d+ \(\w+\)|while preparing/;
    const [a] = place.exec(message) ?? [];
    return error instanceof WorkerError && (failedStep === error.step || a === "while preparing");
  });

async function firstViolation(seeds: number, mutations: Mutations = {}): Promise<string | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    const schedule = scheduleOf(seed);
    const found = violations(schedule, await simulate(schedule, mutations));
    if (found.length > 0) return `seed ${seed}: ${found.join("; ")}`;
  }
  return undefined;
}

/** For more, on occasion: `SHARDGRAD_SCHEDULES=20000`. */
const schedules = Number(process.env.SHARDGRAD_SCHEDULES ?? 2000);

test(`no schedule of ${schedules} does anything wrong`, async () => {
  const counts = { whole: 0, restarted: 0, failed: 0, stopped: 0, unending: 0, checkpoints: 0 };
  for (let seed = 1; seed <= schedules; seed++) {
    const schedule = scheduleOf(seed);
    const told = await simulate(schedule);
    expect(violations(schedule, told), `seed ${seed}`).toEqual([]);
    if (told.error instanceof UnendingThreadError) counts.unending++;
    else if (told.error) counts.failed++;
    else if (told.restarts.length > 0) counts.restarted++;
    else counts.whole++;
    if (told.stopped) counts.stopped++;
    counts.checkpoints += told.checkpoints.length;
  }
  // All kinds of ends are among them.
  for (const count of Object.values(counts)) expect(count).toBeGreaterThan(5);
});

test("the same seed is the same run", async () => {
  for (const seed of [3, 77, 500]) {
    expect(await simulate(scheduleOf(seed))).toEqual(await simulate(scheduleOf(seed)));
  }
});

describe("what is planted is found", () => {
  class TellsBeforeItIsWhole extends SnapshotWriter {
    override copy(): void {
      this.publish({ step: 0, stepCount: 0, lossSum: 0, weight: 0, skipped: 0 });
      super.copy();
    }
  }
  class TellsAnotherStep extends SnapshotWriter {
    override publish(state: RunState): void {
      super.publish({ ...state, step: Math.max(0, state.step - 1) });
    }
  }
  class DropsTheSum extends SnapshotWriter {
    override publish(state: RunState): void {
      super.publish({ ...state, lossSum: 0 });
    }
  }
  class CopiesLate extends SnapshotWriter {
    override copy(): void {}
    override publish(state: RunState): void {
      super.copy();
      super.publish(state);
    }
  }
  class ForgetsTheBest extends SnapshotWriter {
    override publish(state: RunState): void {
      super.publish(state);
    }
  }
  test.each<[string, Mutations, RegExp]>([
    ["a best epoch that is not told of", { Writer: ForgetsTheBest }, /the best epoch is not saved/],
    ["a snapshot that is told before it is whole", { Writer: TellsBeforeItIsWhole }, /./],
    ["a snapshot of another step", { Writer: TellsAnotherStep }, /weights are others|torn/],
    ["a snapshot without the epoch's sum", { Writer: DropsTheSum }, /has another sum/],
    ["a snapshot of which slices are missing", { Writer: CopiesLate }, /weights are others|torn/],
    ["words that are not reset", { reset: () => undefined }, /./],
    [
      "words that forget which slot is being written",
      {
        reset: (run) => {
          resetWords(run);
          run.control.store("checkpointSlot", 0);
        },
      },
      /torn/,
    ],
    ["going back while workers still run", { endsTooEarly: true }, /./],
    [
      "a stop that comes before what was told",
      { reset: (run) => resetWords({ ...run, told: 0 }) },
      /a step that was told of was undone/,
    ],
    ["a worker that hangs unnoticed", { stallMs: Number.POSITIVE_INFINITY }, /not over|deadlock/],
  ])("%s", async (_, mutations, message) => {
    expect(await firstViolation(2000, mutations)).toMatch(message);
  });
});
