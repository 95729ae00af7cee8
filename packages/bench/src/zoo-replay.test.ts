// Replayed steps of the small networks of the zoo give the bits of eager ones. zoo-replay.slow.test.ts has all networks.
import { expect, test } from "vitest";
import { replayedAndEager } from "../testing/replayed-and-eager.ts";

test.each(["mlp-tiny", "lenet5"])("%s", async (name) => {
  const { replayed, eager } = await replayedAndEager(name);
  expect([replayed.captured, eager.captured]).toEqual([true, false]);
  expect(replayed.weightsSha256).toBe(eager.weightsSha256);
});
