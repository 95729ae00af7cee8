import { expect, test } from "vitest";
import { CheckpointError } from "../errors.ts";
import type { Kept, Retention } from "./retention.ts";
import { checkRetention, surplus } from "./retention.ts";

/** Newest first, named by position. */
const kept = (...losses: (number | undefined)[]): Kept[] =>
  losses.map((loss, i) => ({ name: `c${losses.length - i}`, metrics: loss === undefined ? {} : { loss } }));
const min = { metric: "loss", direction: "min" } as const;
const max = { metric: "loss", direction: "max" } as const;

test.each<[what: string, kept: Kept[], retention: Retention, removed: string[]]>([
  ["three, if nothing is said", kept(1, 2, 3, 4, 5), {}, ["c1", "c2"]],
  ["the last", kept(1, 2, 3), { keepLast: 1 }, ["c1", "c2"]],
  ["all", kept(1, 2, 3, 4, 5), { keepLast: Number.POSITIVE_INFINITY }, []],
  ["the last and the lowest", kept(5, 4, 1, 3), { keepLast: 1, keepBest: min }, ["c1", "c3"]],
  ["the last and the highest", kept(5, 4, 1, 9), { keepLast: 1, keepBest: max }, ["c2", "c3"]],
  ["the last, which is also the best", kept(1, 4, 2), { keepLast: 1, keepBest: min }, ["c1", "c2"]],
  ["of equal ones the oldest", kept(5, 1, 1, 1), { keepLast: 1, keepBest: min }, ["c2", "c3"]],
  ["NaN is not best", kept(5, Number.NaN, 7), { keepLast: 1, keepBest: max }, ["c2"]],
  ["nor is what was not evaluated", kept(5, undefined, 9), { keepLast: 1, keepBest: min }, ["c1", "c2"]],
  ["infinity may be", kept(5, Number.POSITIVE_INFINITY, 7), { keepLast: 1, keepBest: max }, ["c1"]],
])("keeps %s", (_, checkpoints, retention, removed) => {
  expect(surplus(checkpoints, ["c0"], retention)).toEqual(removed);
});

test("keeps the one that was just saved, also if later steps are there", () => {
  expect(surplus(kept(1, 2, 3, 4), ["c2"], { keepLast: 1 })).toEqual(["c1", "c3"]);
});

test("does not count damaged ones, nor remove them", () => {
  const [newest, ...rest] = kept(1, 2, 3);
  expect(surplus([{ ...newest!, metrics: undefined }, ...rest], ["c2"], { keepLast: 1 })).toEqual(["c1"]);
});

test.each<[retention: object, message: RegExp]>([
  [{ keepLast: 0 }, /^checkpoint: keepLast is 0, expected an integer of at least 1, or Infinity$/],
  [{ keepLast: 1.5 }, /keepLast is 1.5/],
  [
    { keepBest: { metric: "loss", direction: "down" } },
    /keepBest.direction is "down", expected "min" or "max"$/,
  ],
])("refuses %o", (retention, message) => {
  expect(() => checkRetention(retention)).toThrow(CheckpointError);
  expect(() => checkRetention(retention)).toThrow(message);
});
