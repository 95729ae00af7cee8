// Replayed steps of every network of the zoo give the bits of eager ones.
import { expect, test } from "vitest";
import { replayedAndEager } from "../testing/replayed-and-eager.ts";
import { zoo } from "./zoo.ts";

test.each(zoo.map(({ name }) => name))("%s", async (name) => {
  const { replayed, eager } = await replayedAndEager(name);
  expect([replayed.captured, eager.captured]).toEqual([true, false]);
  expect(replayed.weightsSha256).toBe(eager.weightsSha256);
});
