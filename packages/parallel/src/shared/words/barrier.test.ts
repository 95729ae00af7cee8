// The barrier, model-checked: every interleaving of two and three ranks, with a crash, a failure and an abort at any
// point. The checker must also find the bugs in mutants. Tests on real threads show that the real words behave like the
// simulated ones. testing/check-barrier.ts explores more, in a few minutes.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, it, test } from "vitest";
import { BarrierModel } from "../../../testing/barrier-model.ts";
import { byCoordinator, byWorkers } from "../../../testing/barrier-runs.ts";
import { explore } from "../../../testing/model-checker.ts";
import type { BarrierOptions, SharedWords } from "./barrier.ts";
import { AbortedError, Barrier, stages } from "./barrier.ts";
import { Control, controlBytes } from "./control.ts";

describe("in every interleaving the rules hold", () => {
  // The counts pin the algorithm: another count means another one. Know why before changing it.
  test.each([
    ["2 ranks, 3 rounds", byWorkers(2, 3), 6_088, 9],
    ["2 ranks, 3 rounds, 2 looks before sleeping", byWorkers(2, 3, { spin: 2 }), 8_444, 9],
    ["2 ranks, 3 rounds, the generation overflows", byWorkers(2, 3, { generation: 2 ** 31 - 2 }), 6_088, 9],
    ["2 ranks, 2 rounds, no two states taken for one", byWorkers(2, 2, { exact: true }), 13_134, 9],
    ["3 ranks, 3 rounds", byWorkers(3, 3), 102_979, 12],
    ["3 ranks, 2 rounds, 2 looks before sleeping", byWorkers(3, 2, { spin: 2 }), 52_032, 12],
    ["1 worker and the main thread, 2 steps", byCoordinator(1, 2), 52_899, 12],
    ["2 workers and the main thread, 1 step", byCoordinator(2, 1), 268_877, 15],
  ])("%s", (_, options, states, movesToEnd) => {
    expect(explore(new BarrierModel(options))).toMatchObject({ states, movesToEnd });
  });
});

/** Swaps the operations of two stages, then continues after them. */
function swapped(first: number, second: number, next: number) {
  return class extends Barrier {
    override step(): void {
      const { turn } = this;
      const at = [first, second].indexOf(turn.stage);
      if (at >= 0) turn.stage = [second, first][at]!;
      super.step();
      if (at >= 0) turn.stage = [second, next][at]!;
    }
  };
}

/** Skips a stage and goes on to another. */
function skipping(skipped: number, next: number) {
  return class extends Barrier {
    override step(): void {
      super.step();
      if (this.turn.stage === skipped) this.turn.stage = next;
    }
  };
}

/** Does the operations of an abort in this order; -1 for none. */
function aborting(...order: [number, number, number]) {
  return class extends Barrier {
    override abortStep(stage: number, rank: number): number {
      if (order[stage]! >= 0) super.abortStep(order[stage]!, rank);
      return stage + 1;
    }
  };
}

/** The classic mistake: the round may be over before it is read. */
class ReadsRoundAfterArriving extends Barrier {
  override step(): void {
    const { turn } = this;
    if (turn.stage === -1) {
      turn.generation = this.words.load(this.generation);
      turn.stage = stages.look;
      return;
    }
    super.step();
    if (turn.stage === stages.look && turn.looks === 0) turn.stage = -1;
  }
}

class SleepsWithoutComparing extends Barrier {
  override step(): void {
    const { turn, words } = this;
    const { generation, stage } = turn;
    const { view } = words as unknown as { view: Int32Array };
    // Compared with its own value, the word never differs.
    if (stage === stages.sleep) turn.generation = view[this.generation]!;
    super.step();
    if (stage === stages.sleep) turn.generation = generation;
  }
}

class CountsOneLess extends Barrier {
  constructor(control: Control, options: BarrierOptions, words: SharedWords) {
    super(control, { ...options, parties: options.parties - 1 }, words);
  }
}

class TakesEveryWakingForRelease extends Barrier {
  override step(): void {
    const asleep = this.turn.stage === stages.sleep;
    super.step();
    if (asleep) this.turn.stage = stages.checkAfter;
  }
}

describe("the checker finds", () => {
  const lostWakeUp = /^rank \d sleeps for ever: its wake-up was lost\n/;
  const earlyRelease = /^rank \d is released early: rank \d has not arrived\n/;
  const missedAbort = /^rank \d (missed the abort: it passes|sleeps for ever: it missed the abort)\n/;
  test.each<[name: string, Class: typeof Barrier, problem: RegExp]>([
    [
      "that the last wakes the others before it releases them",
      swapped(stages.release, stages.wake, stages.passed),
      lostWakeUp,
    ],
    ["that the last wakes nobody", skipping(stages.wake, stages.passed), lostWakeUp],
    ["that one sleeps without comparing", SleepsWithoutComparing, lostWakeUp],
    ["that one reads the round after arriving", ReadsRoundAfterArriving as typeof Barrier, lostWakeUp],
    ["that one party is not waited for", CountsOneLess as typeof Barrier, earlyRelease],
    [
      "that the last releases before it resets",
      swapped(stages.reset, stages.release, stages.wake),
      earlyRelease,
    ],
    ["that one takes every waking for a release", TakesEveryWakingForRelease, earlyRelease],
    ["that nobody looks for an abort at the end", skipping(stages.checkAfter, stages.passed), missedAbort],
    ["that nobody looks for an abort at the start", skipping(stages.checkBefore, stages.arrive), missedAbort],
    ["that an abort releases before it raises the flag", aborting(1, 0, 2), missedAbort],
    ["that an abort does not release", aborting(0, -1, 2), missedAbort],
    ["that an abort wakes nobody", aborting(0, 1, -1), missedAbort],
  ])("%s", (_, Class, problem) => {
    // A crash would only be a shorter way to a bug that shows without it.
    const faultless = problem !== missedAbort;
    expect(() => explore(new BarrierModel({ ...byWorkers(2, 2), Class, faultless }))).toThrow(problem);
  });
});

describe("real threads", () => {
  const rounds = 300;
  const parties = 3;
  /** One party: before a wait it writes the round, and after it checks that everybody has. The second wait separates rounds. */
  const script = `
    const { parentPort, workerData } = require("node:worker_threads");
    const { url, controlUrl, buffer, seen, who, rounds, parties } = workerData;
    Promise.all([import(url), import(controlUrl)]).then(([{ Barrier }, { Control }]) => {
      const barrier = new Barrier(new Control(new Int32Array(buffer), 0), { parties, spin: 50 });
      let wrong = 0;
      let error;
      try {
        for (let round = 1; round <= rounds; round++) {
          seen[who] = round;
          barrier.wait();
          wrong += seen.filter((other) => other !== round).length;
          barrier.wait();
        }
      } catch (caught) {
        error = caught.name;
      }
      parentPort.postMessage({ wrong, error });
    });`;
  const start = () => {
    const control = new Control(new Int32Array(new SharedArrayBuffer(controlBytes(0))), 0);
    const seen = new Int32Array(new SharedArrayBuffer(4 * parties));
    const barrier = new Barrier(control, { parties, spin: false });
    const workers = [1, 2].map((who) => {
      const modules = ["./barrier.ts", "./control.ts"].map((path) => new URL(path, import.meta.url).href);
      const [url, controlUrl] = modules;
      const { buffer } = control.view;
      const workerData = { url, controlUrl, buffer, seen, who, rounds, parties };
      return new Worker(script, { eval: true, workerData, execArgv: [] });
    });
    const reports = Promise.all(
      workers.map(async (worker) => {
        const [[report]] = await Promise.all([once(worker, "message"), once(worker, "exit")]);
        return report;
      }),
    );
    return { control, seen, barrier, reports };
  };

  it("wait for each other in every round, the main thread without blocking", async () => {
    const { control, seen, barrier, reports } = start();
    for (let round = 1; round <= rounds; round++) {
      seen[0] = round;
      await barrier.waitAsync();
      expect([...seen]).toEqual([round, round, round]);
      await barrier.waitAsync();
    }
    const fine = { wrong: 0, error: undefined };
    expect(await reports).toEqual([fine, fine]);
    expect([control.load("arrived"), control.load("generation")]).toEqual([0, 2 * rounds]);
  });

  it("throw after an abort, wherever they are", async () => {
    const { barrier, reports } = start();
    await barrier.waitAsync();
    barrier.abort(0);
    const aborted = { wrong: expect.any(Number), error: "AbortedError" };
    expect(await reports).toEqual([aborted, aborted]);
    await expect(barrier.waitAsync()).rejects.toThrow(AbortedError);
  });
});

it("an abort ends the main thread's sleep", async () => {
  const control = new Control(new Int32Array(new SharedArrayBuffer(controlBytes(0))), 0);
  const barrier = new Barrier(control, { parties: 2, spin: false });
  const asleep = expect(barrier.waitAsync()).rejects.toThrow(AbortedError);
  barrier.abort(3);
  barrier.abort(1);
  await asleep;
  expect(control.load("abort")).toBe(4);
});
