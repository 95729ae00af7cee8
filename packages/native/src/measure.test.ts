// The loop whose speed is the processor's peak.
import { afterEach, expect, test, vi } from "vitest";
import { installRunner } from "./call/runner.ts";
import { fmaLoop } from "./measure.ts";

const best = process.arch === "x64" ? installRunner().best : undefined;
afterEach(() => vi.unstubAllEnvs());

test.skipIf(!best)("the loop of multiply-adds computes all of its chains", () => {
  vi.stubEnv("SHARDGRAD_NATIVE", "avx2");
  const loop = fmaLoop();
  expect(loop).toMatchObject({ description: "AVX2", chains: 12, flopsPerRound: 2 * 12 * 8 });
  // 1, 1.5, 1.75 …
  expect([1, 2, 3, 100].map((rounds) => loop.run(rounds))).toEqual([12, 18, 21, 24]);
});

test.skipIf(best !== "avx512")("so does that of AVX-512, which has more registers", () => {
  vi.stubEnv("SHARDGRAD_NATIVE", "avx512");
  const loop = fmaLoop();
  expect(loop).toMatchObject({ description: "AVX-512", chains: 28, flopsPerRound: 2 * 28 * 16 });
  expect(loop.run(100)).toBe(56);
});
