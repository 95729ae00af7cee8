// Whole runs on several simulated machines: the same bits as on one, whatever the order of messages (failures.test.ts: one line
// when a machine fails). test/machines.test.ts does it with real processes.
import { describe, expect, test, vi } from "vitest";
import { SimulatedDisk } from "../../testing/simulated-disk.ts";
import type { Feature, MachineTold } from "../../testing/simulated-machines.ts";
import { simulateMachines } from "../../testing/simulated-machines.ts";
import { usableCores } from "../plan/cpu-limit.ts";
import { BucketWords } from "../shared/arrays/buckets.ts";
import { BucketSignals } from "../step/bucket-signals.ts";
import { shareWorkers } from "./agreement.ts";

const features: Feature[] = [
  "plain",
  "clipping",
  "clipping values",
  "early stopping",
  "batch norm",
  "teacher",
  "local SGD",
  "recorded",
  "skipping",
  "early leave",
];

/** What a machine has told of its epochs. */
const epochsOf = ({ events }: MachineTold) =>
  events.flatMap((event) =>
    event.type === "epoch" ? [{ loss: event.loss, gradNorm: event.gradNorm, metrics: event.metrics }] : [],
  );

/** The result of one machine with one worker, and its epochs. */
async function undisturbed(feature: Feature, steps: number) {
  const [told] = (await simulateMachines({ seed: 1, feature, workers: [1], steps })) as [MachineTold];
  if (told.error) throw told.error;
  return { ...told.end!, epochs: epochsOf(told) };
}

/** The weights that all machines have. */
function weightsOf(told: readonly MachineTold[]): string {
  const found = told.map(({ end, error }) => {
    if (error) throw error;
    return end!.weightsSha256;
  });
  expect(new Set(found).size).toBe(1);
  return found[0]!;
}

describe("weights and metrics are those of one machine", () => {
  test.each(features)("%s", async (feature) => {
    const alone = await undisturbed(feature, 8);
    expect(alone.skipped > 0).toBe(feature === "skipping");
    for (const [seed, workers] of [
      [1, 1],
      [2, 1],
      [1, 1, 2],
      [1, 1, 1, 1],
    ].entries()) {
      const told = await simulateMachines({ seed, feature, workers, steps: 8 });
      expect(weightsOf(told), `${workers}`).toBe(alone.weightsSha256);
      for (const { end, ...each } of told) {
        expect(epochsOf(each), `${workers}`).toEqual(alone.epochs);
        expect(end!.metrics).toEqual(alone.metrics);
        expect(end!.steps).toBe(alone.steps);
        expect(end!.skipped).toBe(alone.skipped);
      }
    }
  });
});

test("gradients leave while passes go on", async () => {
  const { finish } = BucketSignals.prototype;
  const { tell } = BucketWords.prototype;
  const told: Record<"during passes" | "after them", number[]> = { "during passes": [], "after them": [] };
  let when: keyof typeof told = "during passes";
  vi.spyOn(BucketSignals.prototype, "finish").mockImplementation(function (this: BucketSignals) {
    when = "after them";
    finish.call(this);
    when = "during passes";
  });
  vi.spyOn(BucketWords.prototype, "tell").mockImplementation(function (this: BucketWords, bucket) {
    told[when].push(bucket);
    tell.call(this, bucket);
  });
  weightsOf(await simulateMachines({ seed: 1, feature: "early leave", workers: [1, 1], steps: 4 }));
  vi.restoreAllMocks();
  // Two steps of two machines are recorded, the others replayed.
  const fourTimes = [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2];
  expect(told).toEqual({ "during passes": fourTimes, "after them": fourTimes });
});

test("a run that one machine's user stops ends on all after the same step, and goes on on other numbers of machines", async () => {
  for (const feature of ["plain", "batch norm", "teacher", "early leave"] as const) {
    const alone = await undisturbed(feature, 12);
    let disk = new SimulatedDisk();
    const stop = { machine: 1, ms: 150 };
    const told = await simulateMachines({ seed: 5, feature, workers: [1, 2], steps: 12, disk, stop });
    weightsOf(told);
    const { steps } = told[0]!.end!;
    expect(steps).toBeLessThan(12);
    expect(told[1]!.end!.steps).toBe(steps);
    for (const workers of [[1, 1, 1], [2]]) {
      disk = disk.afterCrash();
      const goesOn = await simulateMachines({ seed: 6, feature, workers, steps: 12, disk, resume: true });
      expect(weightsOf(goesOn)).toBe(alone.weightsSha256);
    }
  }
});

test("machines that name no workers get one per core, as far as there are shards", async () => {
  const told = await simulateMachines({
    seed: 1,
    feature: "plain",
    workers: [1, 1],
    steps: 2,
    optionsOf: [{ workers: undefined as never }, { workers: undefined as never }],
  });
  weightsOf(told);
  // Of the four shards.
  const workers = Math.min(usableCores(), 2);
  told.forEach(({ events }, machine) => {
    expect(events[0]).toMatchObject({
      type: "start",
      machines: 2,
      machine,
      workers,
      network: "a simulated network",
    });
  });
  for (const [cores, each] of [
    [1, 1],
    [2, 2],
    [3, 3],
    [64, 4],
  ] as const)
    expect(
      shareWorkers(
        [
          { cores, workers: undefined },
          { cores, workers: undefined },
        ],
        8,
      ),
    ).toEqual([each, each]);
  expect(
    shareWorkers(
      [
        { cores: 4, workers: 5 },
        { cores: 4, workers: undefined },
      ],
      8,
    ),
  ).toEqual([5, 3]);
});
