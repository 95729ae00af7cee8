// Which instruction set a processor gets, by what CPUID and XCR0 say; and that the emitted code asks them.
import { readFileSync } from "node:fs";
import { expect, it, test } from "vitest";
import { installRunner } from "../call/runner.ts";
import { instructionSetOf } from "./processor.ts";

/** As Linux names the bits. */
const features = { fma: 12, osxsave: 27, avx: 28 };
const moreFeatures = { avx2: 5, bmi2: 8, avx512f: 16, avx512dq: 17, avx512bw: 30, avx512vl: 31 };
const allOf = (bits: Record<string, number>) => Object.values(bits).reduce((sum, bit) => sum | (1 << bit), 0);
const best = { features: allOf(features), moreFeatures: allOf(moreFeatures), saved: 0xe7 };

test("all of it is AVX-512", () => {
  expect(instructionSetOf(best)).toBe("avx512");
});

test.each(Object.entries({ avx512f: 16, avx512dq: 17, avx512bw: 30, avx512vl: 31 }))(
  "without %s it is AVX2",
  (_, bit) => {
    expect(instructionSetOf({ ...best, moreFeatures: best.moreFeatures & ~(1 << bit) })).toBe("avx2");
  },
);

test("so it is where the system does not save the registers of AVX-512", () => {
  for (const saved of [0x07, 0x67, 0xc7]) expect(instructionSetOf({ ...best, saved })).toBe("avx2");
});

test.each([
  ...Object.values(features).map((bit) => ({ ...best, features: best.features & ~(1 << bit) })),
  ...[5, 8].map((bit) => ({ ...best, moreFeatures: best.moreFeatures & ~(1 << bit) })),
  { ...best, saved: 0x03 },
  { ...best, saved: 0 },
])("it is nothing without any of the others: %j", (processor) => {
  expect(instructionSetOf(processor)).toBeUndefined();
});

it.skipIf(process.platform !== "linux" || process.arch !== "x64")(
  "the emitted code finds what Linux finds",
  () => {
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))![1]!.split(" ");
    const { processor, best: set } = installRunner();
    const found = (bits: Record<string, number>, word: number) =>
      Object.entries(bits).flatMap(([name, bit]) => ((word >> bit) & 1 ? [name] : []));
    const expected = (bits: Record<string, number>) =>
      Object.keys(bits).filter((name) => name === "osxsave" || flags.includes(name));
    expect(found(features, processor!.features)).toEqual(expected(features));
    expect(found(moreFeatures, processor!.moreFeatures)).toEqual(expected(moreFeatures));
    expect(set).toBe(flags.includes("avx512vl") ? "avx512" : flags.includes("avx2") ? "avx2" : undefined);
  },
);
