import { expect, it } from "vitest";
import { JobError } from "../errors.ts";
import { computed } from "./computed.ts";
import { resolveDataset } from "./resolve-dataset.ts";

const columns = { x: new Float32Array(3) };
const set = computed({ samples: 3, columns: { x: {} }, sample: (i) => ({ x: i }) });

it.each<[name: string, dataset: unknown, expected: object]>([
  ["columns", { train: columns }, { train: columns }],
  ["a function", async () => ({ train: columns, test: columns }), { train: columns, test: columns }],
  ["a function for a part", { train: set, test: async () => columns }, { train: set, test: columns }],
])("finds %s", async (_, dataset, expected) => {
  expect(await resolveDataset(dataset)).toEqual(expected);
});

it.each<[name: string, dataset: unknown, message: RegExp]>([
  ["nothing", () => undefined, /no `train` columns; expected \{ train: \{ … \}, test: \{ … \} \}/],
  ["no training set", { test: columns }, /no `train` columns/],
  ["a test set that is none", { train: columns, test: 3 }, /no `test` columns/],
  [
    "a computed set from a function",
    () => ({ train: set }),
    /train is computed, but a function returned it, and workers do not call that; write dataset: \{ train: computed/,
  ],
  [
    "a computed set from a part's function",
    { train: columns, test: () => set },
    /test is computed, but a function/,
  ],
  [
    "a part that does not exist",
    { train: columns, validation: columns },
    /^dataset: there is no part "validation": the set to evaluate is called test here/,
  ],
  [
    "a part that cannot be loaded",
    {
      train: columns,
      test: () => {
        throw new Error("no such table");
      },
    },
    /dataset.test\(\) failed: no such table/,
  ],
])("refuses %s", async (_, dataset, message) => {
  await expect(resolveDataset(dataset)).rejects.toThrow(message);
  await expect(resolveDataset(dataset)).rejects.toThrow(JobError);
});
