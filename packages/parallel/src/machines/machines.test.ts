// Whole runs on several simulated machines: the same bits as on one, whatever the order of messages, and one line when
// a machine fails. test/mpi.test.ts does it with real processes.
import { describe, expect, test } from "vitest";
import { SimulatedDisk } from "../../testing/simulated-disk.ts";
import { simulateMachines } from "../../testing/simulated-machines.ts";
import type { Feature } from "../../testing/simulated-run.ts";
import { undisturbed } from "../../testing/simulated-run.ts";

const features: Feature[] = [
  "plain",
  "clipping",
  "early stopping",
  "batch norm",
  "teacher",
  "local SGD",
  "recorded",
];

describe("the weights and metrics are those of one machine", () => {
  test.each(features)("%s", async (feature) => {
    const alone = await undisturbed(feature, 8);
    for (const [seed, workers] of [
      [1, 1],
      [2, 1],
      [1, 1, 2],
      [1, 1, 1, 1],
    ].entries()) {
      const told = await simulateMachines({ seed, feature, workers, steps: 8 });
      for (const { end, error } of told) {
        if (error) throw error;
        expect(end!.weightsSha256, `${workers}`).toBe(alone.end!.weightsSha256);
        expect(end!.metrics).toEqual(alone.end!.metrics);
        expect(end!.steps).toBe(alone.end!.steps);
      }
    }
  });
});
