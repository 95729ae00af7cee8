// What a data set of rows learns from, and that what it learned is all that its columns are made with.
import { expect, it } from "vitest";
import { JobError } from "../errors.ts";
import { fitRows } from "./fit-rows.ts";
import type { FoundRows, Rows } from "./fitted.ts";
import { findEncoder, registerEncoder } from "./fitted.ts";
import { resolveDataset } from "./resolve-dataset.ts";
import type { HoldOut } from "./split.ts";

const mean = (values: ArrayLike<unknown>) =>
  Array.from(values, Number).reduce((sum, value) => sum + value, 0) / values.length;

/** Ages are centred, colours numbered. */
const learning = {
  fit: (rows: Rows) => ({
    mean: mean(rows.age!),
    colours: [...new Set(Array.from(rows.colour!))] as string[],
    weights: Float64Array.of(0.1, Number.NaN),
  }),
  encode: (rows: Rows, state: { mean: number; colours: string[] }) => ({
    x: { data: Float32Array.from(rows.age!, (age) => Number(age) - state.mean), shape: [1] },
    ...(rows.colour && {
      y: Int32Array.from(rows.colour, (colour) => state.colours.indexOf(colour as string)),
    }),
  }),
};
const people: Rows = {
  age: [20, 30, 40, 50, 60, 70, 80, 90],
  colour: ["red", "red", "blue", "red", "red", "blue", "red", "red"],
};

async function prepare(dataset: unknown, holdOut?: HoldOut, seed = 1) {
  return fitRows((await resolveDataset(dataset)) as FoundRows, holdOut, seed);
}

it.each<[name: string, dataset: unknown]>([
  ["that load()", { load: () => people, ...learning }],
  [
    "that load() a training and a test set",
    { load: async () => ({ train: people, test: people }), ...learning },
  ],
  ["that stand there", { train: people, ...learning }],
  ["from a function", async () => ({ load: () => people, ...learning })],
])("rows %s become columns", async (_, dataset) => {
  const { train, state } = await prepare(dataset);
  expect(train.x).toMatchObject({ data: Float32Array.of(-35, -25, -15, -5, 5, 15, 25, 35) });
  expect(state).toEqual({ mean: 55, colours: ["red", "blue"], weights: Float64Array.of(0.1, Number.NaN) });
});

it.each<[HoldOut]>([[0.25], [{ fraction: 0.5, stratify: "colour" }], [{ folds: 4, fold: 1 }]])(
  "no held-out row influences what is learned, nor a training sample, with %j",
  async (holdOut) => {
    const first = await prepare({ train: people, ...learning }, holdOut);
    const { train, test } = first.held!;
    expect(train.length + test.length).toBe(8);
    const ages = Array.from(people.age!, (age, row) => (test.includes(row) ? 1e6 : age));
    const other = await prepare({ train: { ...people, age: ages }, ...learning }, holdOut);
    expect(other.held).toEqual(first.held);
    expect(other.state).toEqual(first.state);
    const samples = ({ train: columns }: typeof first) =>
      Array.from(train, (row) => (columns.x as { data: Float32Array }).data[row]);
    expect(samples(other)).toEqual(samples(first));
    expect(mean(Array.from(train, (row) => people.age![row]))).toBe((first.state as { mean: number }).mean);
  },
);

it("the shares of words are kept", async () => {
  const { held } = await prepare({ train: people, ...learning }, { fraction: 0.5, stratify: "colour" });
  expect(Array.from(held!.test, (row) => people.colour![row]).toSorted()).toEqual([
    "blue",
    "red",
    "red",
    "red",
  ]);
});

it.each<[name: string, dataset: object, message: string]>([
  [
    "no fit",
    { load: () => people, encode: learning.encode },
    "dataset: fit is undefined, expected a function",
  ],
  [
    "no rows",
    { load: () => undefined, ...learning },
    "dataset: train is undefined, expected columns of raw values",
  ],
  [
    "an array of rows",
    { load: () => [{ age: 1 }], ...learning },
    "dataset: train is an array, expected columns",
  ],
  [
    "rows of two lengths",
    { train: { a: [1], b: [1, 2] }, ...learning },
    "column b has 2 values, column a has 1",
  ],
  ["0 rows", { train: { age: [] }, ...learning }, "dataset: train has no rows"],
  ["a column that is a number", { train: { a: 3 }, ...learning }, "dataset: train: column a is number"],
  [
    "too few samples",
    { train: people, fit: () => null, encode: () => ({ x: new Float32Array(3) }) },
    "dataset: train: encode() returned 3 samples for 8 rows",
  ],
  [
    "a promise of columns",
    { train: people, fit: () => null, encode: async () => ({}) },
    "dataset: train: encode() returned a promise, expected columns by name",
  ],
  [
    "a state that is no plain data",
    { train: people, ...learning, fit: () => ({ words: new Map() }) },
    "dataset: state.words is Map, expected plain data",
  ],
  [
    "a state that looks like a typed array",
    { train: people, ...learning, fit: () => ({ a: { $array: "Float32Array" } }) },
    "dataset: state.a has the key $array",
  ],
])("refuses %s", async (_, dataset, message) => {
  const error = await prepare(dataset).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(JobError);
  expect((error as Error).message).toContain(message);
});

it("columns that depend on the part are refused", async () => {
  const encode = ({ age }: Rows) => ({
    x: { data: new Float32Array(age!.length * age!.length), shape: [age!.length] },
  });
  await expect(prepare({ train: people, fit: () => null, encode }, 0.25)).rejects.toThrow(
    "encode() returned x float32 [2] for held-out rows, x float32 [6] for training rows; they must agree",
  );
});

it("a state names its encoder, where the data set cannot be asked", () => {
  registerEncoder("ages", learning.encode);
  const columns = findEncoder(() => undefined, { encoder: "ages", mean: 1, colours: [] })!(
    { age: ["3"] },
    {
      mean: 1,
    },
  );
  expect(columns.x).toMatchObject({ data: Float32Array.of(2) });
  expect(findEncoder({ train: people }, { encoder: "others" })).toBeUndefined();
  expect(findEncoder({ train: people, ...learning }, {})).toBeDefined();
});
