// What fails on several simulated machines ends the run on all of them, with one line that says where and why.
import { describe, expect, test } from "vitest";
import type { MachineTold } from "../../testing/simulated-machines.ts";
import { simulateMachines } from "../../testing/simulated-machines.ts";
import type { Feature } from "../../testing/simulated-run.ts";
import type { TrainOptions } from "../plan/train-options.ts";
import { isToldElsewhere } from "../run/told-errors.ts";

/** Machine 0 tells of it, and ends before the others, for the launcher ends all when one ends. */
function expectOneVoice([first, ...others]: readonly MachineTold[]): void {
  expect(first!.isToldElsewhere).toBe(false);
  for (const { isToldElsewhere, endMs } of others) {
    expect(isToldElsewhere).toBe(true);
    expect(endMs! - first!.endMs!).toBeGreaterThan(1000);
  }
}

describe("a failure ends the run on all machines, with a line that names the machine", () => {
  const run = { seed: 3, feature: "plain", workers: [1, 2], steps: 40 } as const;

  test.each([
    ["throws", "throw", 0, /^train: machine 1: worker 0 failed in step \d+ \(\w+\): RangeError: injected/],
    ["dies", "die", 1, /^train: machine 1: worker 1 failed in step \d+ \(\w+\): the thread died/],
    ["hangs", "hang", 0, /^train: machine 1: worker 0 failed in step \d+ \(\w+\): no sign of life for 2 s/],
  ] as const)("a worker that %s", async (_, kind, rank, message) => {
    const told = await simulateMachines({ ...run, fault: { machine: 1, rank, move: 60, kind } });
    for (const { error, end } of told) {
      expect(end).toBeUndefined();
      expect(error?.message).toMatch(message);
    }
    expectOneVoice(told);
    expect(told[0]!.error!.name).toBe("MachineError");
    expect(told[1]!.error!.name).toBe("WorkerError");
    expect(told.map(({ error }) => isToldElsewhere(error))).toEqual([false, true]);
  });

  test("the link, wherever it is", async () => {
    for (const move of [5, 50, 100, 150]) {
      const told = await simulateMachines({ ...run, fault: { machine: 0, rank: 1, move, kind: "die" } });
      for (const { error } of told) {
        expect(error?.message).toMatch(
          /^train: machine 0: the link to the other machines failed .*the thread died/,
        );
      }
      expectOneVoice(told);
    }
  });

  test("a machine that is switched off, at any time", async () => {
    for (const ms of [0, 60, 130, 200, 270]) {
      const told = await simulateMachines({ ...run, off: { machine: 1, ms } });
      expect(told[0]!.error?.message).toMatch(
        /^train: machine 1 gives no sign of life for (2|600) s: is it switched off, stopped, or cut off from the network\?$/,
      );
    }
  });
});

describe("machines that do not do the same are refused before the first step", () => {
  const run = { seed: 3, feature: "plain", workers: [1, 1], steps: 4 } as const;
  const errorOf = async (optionsOf: TrainOptions[], featureOf: Feature[] = []) => {
    const told = await simulateMachines({ ...run, optionsOf, featureOf });
    expect(told.map(({ events }) => events.length)).toEqual([0, 0]);
    const [first, second] = told.map(({ error }) =>
      error?.message.replace(/^train: machine \d: /, "train: "),
    );
    expect(second).toBe(first);
    expectOneVoice(told);
    return first;
  };

  test.each<[string, TrainOptions, RegExp]>([
    [
      "another seed",
      { seed: 7 },
      /machine 1 has the option seed 7, machine 0 none; all machines must have the same$/,
    ],
    ["another batch", { batchSize: 4 }, /machine 1 has the option batchSize 4, machine 0 none/],
    [
      "kernels with other bits",
      { kernels: "reference" },
      /machine 1 computes with reference kernels, machine 0 with wasm-plain kernels: these give different bits; all machines can use kernels: "wasm-/,
    ],
    [
      "more workers than shards",
      { workers: 4 },
      /2 machines with 1 \+ 4 workers for 4 shards; every worker needs at least one/,
    ],
  ])("%s", async (_, options, message) => {
    expect(await errorOf([{}, options])).toMatch(message);
  });

  test("another job", async () => {
    expect(await errorOf([], ["plain", "clipping"])).toBe(
      "train: machine 1 has clipGradNorm 0.5, machine 0 none; all machines must have the same",
    );
    expect(await errorOf([], ["clipping", "plain"])).toBe(
      "train: machine 1 lacks clipGradNorm 0.5, which machine 0 has; all machines must have the same",
    );
  });

  test.each<[string, TrainOptions, RegExp]>([
    [
      "an option that all have wrong",
      { steps: -1 },
      /^train: steps is -1, expected an integer of at least 1$/,
    ],
    [
      "hogwild",
      { hogwild: true },
      /with hogwild all shards update the same weights, which several machines do not have; use syncEvery$/,
    ],
    [
      "a coordinator that averages",
      { reduce: "coordinator" },
      /reduce is "coordinator", which averages on one machine, but there are several; leave it out$/,
    ],
  ])("%s", async (_, options, message) => {
    expect(await errorOf([options, options])).toMatch(message);
  });
});
