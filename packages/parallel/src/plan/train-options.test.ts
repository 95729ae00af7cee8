// Every option is checked by itself before anything is done for it: by the table, so that a new one is checked, too.
import { expect, test } from "vitest";
import { JobError } from "../errors.ts";
import { checkOptions, checkValues, trainOptions } from "./train-options.ts";

const names = Object.keys(trainOptions);

test.each(names)("%s is refused if it is of no type that it may have", (name) => {
  const nonsense = Symbol("nonsense");
  for (const value of [null, nonsense])
    expect(() => checkOptions({ [name]: value })).toThrow(
      new RegExp(`^train: ${name} is (null|a symbol), expected [^;]+$`),
    );
});

test.each(names)("%s may be absent, or undefined", (name) => {
  expect(() => checkOptions({ [name]: undefined })).not.toThrow();
});

test.each<[name: string, value: unknown, message: string]>([
  ["workers", 0, "workers is 0, expected an integer of at least 1"],
  ["steps", "3", 'steps is "3", expected an integer of at least 1'],
  ["batchSize", Number.NaN, "batchSize is NaN, expected an integer of at least 1"],
  ["seed", -1, "seed is -1, expected an integer from 0 to 2^53 - 1"],
  ["seed", 2 ** 53, "seed is 9007199254740992, expected an integer from 0 to 2^53 - 1"],
  ["capture", 1, "capture is 1, expected true or false"],
  ["useEma", "yes", 'useEma is "yes", expected true or false'],
  ["resume", "always", 'resume is "always", expected true, false or "must"'],
  ["stallSeconds", 0, "stallSeconds is 0, expected a number above 0, or Infinity for never"],
  ["snapshots", "ram", 'snapshots is "ram", expected "memory", "disk" or "off"'],
  ["onNonFinite", "ignore", 'onNonFinite is "ignore", expected "stop" or "skip"'],
  [
    "params",
    "lr=1",
    'params is "lr=1", expected an object, such as { lr: 0.1 }, or settings, such as ["lr=0.1"]',
  ],
  [
    "kernels",
    "cuda",
    'kernels is "cuda", expected "auto", "native", "blas", "wasm", "wasm-relaxed", "wasm-plain" or "reference"',
  ],
])("%s: %j is refused with what is expected", (name, value, message) => {
  expect(() => checkOptions({ [name]: value })).toThrow(new JobError(`train: ${message}`));
});

test.each<[name: string, value: unknown]>([
  ["workers", 1],
  ["restarts", 0],
  ["seed", 0],
  ["resume", "must"],
  ["stallSeconds", Number.POSITIVE_INFINITY],
  ["params", ["lr=0.1"]],
  ["signal", AbortSignal.timeout(1e6)],
])("%s: %j fits", (name, value) => expect(() => checkOptions({ [name]: value })).not.toThrow());

test("options of others than train are left to them", () => {
  expect(() => checkValues("profile", { rounds: "many", workers: 2 })).not.toThrow();
  expect(() => checkValues("profile", { workers: 0 })).toThrow(/^profile: workers is 0/);
});
