// Trains every zoo network with replayed passes and eagerly: the bits are the same.
import { train } from "@shardgrad/parallel";
import { expect, test } from "vitest";
import { zoo } from "./zoo.ts";

/** Two steps are recorded. The largest network takes seconds per step without a BLAS, so it replays only one. */
const stepsOf = (name: string) => (name === "gpt-256" ? 3 : 5);

test.each(zoo.map(({ name }) => name))("%s: replayed steps give the bits of eager ones", async (name) => {
  const job = new URL(`./jobs/${name}.ts`, import.meta.url);
  const steps = stepsOf(name);
  const [replayed, eager] = [
    await train(job, { workers: 1, steps }),
    await train(job, { workers: 1, steps, capture: false }),
  ];
  expect([replayed.captured, eager.captured]).toEqual([true, false]);
  expect(replayed.weightsSha256).toBe(eager.weightsSha256);
});
