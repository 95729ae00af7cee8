// What a run reports about its speed, its gradients and its learning rates: the same numbers everywhere.
import type { EpochEvent, ProgressEvent, StepEnd, TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { describe, expect, it } from "vitest";
import { writeJob } from "./write-job.ts";

const clusters = new URL("./jobs/clusters.ts", import.meta.url);
const steps = new URL("./jobs/steps.ts", import.meta.url);
const base = { kernels: "wasm", shards: 4 } as const;

/** The job with other rules: no clipping, or only one kind of it. */
const stepsWith = (rules: string) =>
  writeJob(`
    import job from ${JSON.stringify(steps.href)};
    const { clipGradNorm, clipGradValue, onNonFinite, ...rest } = job;
    export default { ...rest, ${rules} };`);

async function follow(job: string | URL, options: TrainOptions) {
  const told: StepEnd[] = [];
  const epochs: EpochEvent[] = [];
  const run = train(job, { ...base, ...options, onStepEnd: (step) => told.push(step) });
  run.on("epoch", (epoch) => epochs.push(epoch));
  return { told, epochs, end: await run };
}

describe("the norm of the gradient and the learning rate of each step", () => {
  it("are told without clipping, the same for any number of workers", async () => {
    const plain = stepsWith("");
    const [one, two, three] = [
      await follow(plain, { workers: 1 }),
      await follow(plain, { workers: 2 }),
      await follow(plain, { workers: 3, reduce: "coordinator" }),
    ];
    expect(one.told).toHaveLength(8);
    for (const { gradNorm } of one.told) expect(gradNorm).toBeGreaterThan(0);
    expect(two.told).toEqual(one.told);
    expect(three.told).toEqual(one.told);
    // stepSchedule: a tenth after each three steps; the first group has a rate of its own.
    expect(one.told.map(({ lr }) => lr)).toEqual(Array(8).fill(0.003));
    expect(one.told.map(({ lrs }) => lrs)).toEqual(
      [0, 0, 0, 1, 1, 1, 2, 2].map((drops) => [0.003, expect.closeTo(0.02 * 0.1 ** drops, 10)]),
    );
  });

  it("are those that clipping sees: before it clips", async () => {
    const first = async (rules: string) => (await follow(stepsWith(rules), { workers: 2 })).told[0]!.gradNorm;
    const expected = await first("");
    expect(await first("clipGradNorm: 0.01")).toBe(expected);
    expect(await first("clipGradValue: 0.001")).toBe(expected);
    expect(await first('onNonFinite: "skip"')).toBe(expected);
  });

  it.each<[name: string, rules: string, options: TrainOptions]>([
    ["without clipping", "", {}],
    ["with clipping by value", "clipGradValue: 0.001", {}],
    ["with clipping by norm", "clipGradNorm: 0.1", {}],
    ["when the coordinator averages", "", { reduce: "coordinator" }],
    ["with Local SGD", "ema: undefined", { syncEvery: 3 }],
    ["of a run that ends within an epoch", "", { steps: 6 }],
  ])("an epoch tells those of its last step, %s, also if no step is told", async (_, rules, options) => {
    const job = stepsWith(rules);
    const { told, epochs, end } = await follow(job, { workers: 2, ...options });
    const untold: EpochEvent[] = [];
    const alone = await train(job, { ...base, workers: 2, ...options }).on("epoch", (epoch) =>
      untold.push(epoch),
    );
    expect(epochs.length).toBeGreaterThan(1);
    for (const list of [epochs, untold]) {
      expect(list.map(({ gradNorm, lr, lrs }) => ({ gradNorm, lr, lrs }))).toEqual(
        list.map(({ step }) => {
          const { gradNorm, lr, lrs } = told[step - 1]!;
          return { gradNorm, lr, lrs };
        }),
      );
    }
    expect(alone.weightsSha256).toBe(end.weightsSha256);
  });

  it("there is one learning rate of an optimizer without groups, and none of a group alone", async () => {
    const { told } = await follow(clusters, { workers: 1, steps: 2 });
    expect(told.map(({ lr }) => lr)).toEqual([expect.any(Number), expect.any(Number)]);
    expect(told[0]).not.toHaveProperty("lrs");
  });
});

it("samplesPerSecond is one number in progress, epochs and the end: samples by time in steps, without start-up", async () => {
  const progress: ProgressEvent[] = [];
  const epochs: EpochEvent[] = [];
  const run = train(clusters, { workers: 1, epochs: 200 });
  run.on("progress", (event) => progress.push(event)).on("epoch", (event) => epochs.push(event));
  const { samplesPerSecond, seconds, steps } = await run;
  // 500 samples in 11 steps an epoch; the first two steps are start-up.
  const counted = epochs.map((_, epoch) => (epoch === 0 ? 500 - 2 * 48 : 500));
  const times = epochs.map((epoch, i) => counted[i]! / epoch.samplesPerSecond);
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  expect(samplesPerSecond / (sum(counted) / sum(times))).toBeCloseTo(1, 6);
  expect(progress.at(-1)).toMatchObject({ step: steps, samplesPerSecond });
  // The rest of the time is start-up, evaluation and the end.
  expect(sum(times)).toBeLessThan(seconds);
});

it("a run of two steps has a rate, too: there are no others", async () => {
  const { samplesPerSecond } = await train(clusters, { workers: 1, steps: 2 });
  expect(samplesPerSecond).toBeGreaterThan(0);
});
