// Every network of the zoo, trained with its passes replayed and with each run anew: the same bits.
import { train } from "@shardgrad/parallel";
import { expect, test } from "vitest";
import { zoo } from "./zoo.ts";

test.each(zoo.map(({ name }) => name))(
  "%s: replayed steps give the bits of eager ones",
  async (name) => {
    const job = new URL(`./jobs/${name}.ts`, import.meta.url);
    const [replayed, eager] = [
      await train(job, { workers: 1, steps: 5 }),
      await train(job, { workers: 1, steps: 5, capture: false }),
    ];
    expect([replayed.captured, eager.captured]).toEqual([true, false]);
    expect(replayed.weightsSha256).toBe(eager.weightsSha256);
  },
  60_000,
);
