// The stall watch, driven by the test's own clock.
import { expect, test } from "vitest";
import { StallWatch } from "./stall-watch.ts";

function watched(ranks: number, limitMs: number) {
  const beats = Array.from({ length: ranks }, () => 0);
  const waiting = new Set<number>();
  const pending = new Set(beats.keys());
  const watch = new StallWatch(
    { beatsOf: (rank) => beats[rank]!, waits: (rank) => waiting.has(rank) },
    { pending, failureOf: (rank, reason) => new Error(`worker ${rank}: ${reason}`) },
    limitMs,
  );
  return { beats, waiting, pending, watch };
}

/** Looks every 50 ms from one time to another, both inclusive. */
function lookFrom(watch: StallWatch, fromMs: number, toMs: number, beat: () => void): void {
  for (let ms = fromMs; ms <= toMs; ms += 50) {
    beat();
    watch.look(ms);
  }
}

test("the worker that is still is named, not those that wait for it", () => {
  const { beats, waiting, watch } = watched(3, 2000);
  lookFrom(watch, 0, 5000, () => {
    beats.forEach((_, rank) => void beats[rank]!++);
  });
  for (const rank of [0, 2]) waiting.add(rank);
  lookFrom(watch, 5050, 6950, () => undefined);
  expect(() => watch.look(7000)).toThrow("worker 1: no sign of life for 2 s");
});

test("those that wait for one that is slow, and well, are not blamed", () => {
  const { beats, waiting, watch } = watched(3, 2000);
  for (const rank of [0, 2]) waiting.add(rank);
  const minute = () => lookFrom(watch, 0, 60_000, () => void beats[1]!++);
  expect(minute).not.toThrow();
  expect(beats[1]).toBe(1201);
});

test("if all wait, the first is named", () => {
  const { waiting, watch } = watched(2, 1000);
  for (const rank of [0, 1]) waiting.add(rank);
  lookFrom(watch, 0, 950, () => undefined);
  expect(() => watch.look(1000)).toThrow("worker 0");
});

test("a worker that has answered may be still", () => {
  const { beats, pending, watch } = watched(2, 1000);
  const both = () => lookFrom(watch, 5050, 10_000, () => void beats[0]!++);
  pending.delete(1);
  expect(() => lookFrom(watch, 0, 5000, () => void beats[0]!++)).not.toThrow();
  pending.add(1);
  expect(both).toThrow("worker 1: no sign of life for 1 s");
});

test("time in which nobody looked, as the machine slept, does not count", () => {
  const { watch } = watched(1, 3000);
  watch.look(0);
  watch.look(3_600_000);
  watch.look(7_200_000);
  expect(() => watch.look(10_800_000)).toThrow("worker 0");
});

test("without a limit nothing is noticed", () => {
  const { watch } = watched(1, Number.POSITIVE_INFINITY);
  expect(() => lookFrom(watch, 0, 1_000_000, () => undefined)).not.toThrow();
});
