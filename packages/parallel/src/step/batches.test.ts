// What a job's functions may return for a sample, and how it appears in a batch.
import { matmul, ones, scope } from "@shardgrad/core";
import { Storage } from "@shardgrad/core/engine";
import { describe, expect, it } from "vitest";
import { storeSet } from "../data/columns.ts";
import type { ComputedDefinition } from "../data/computed.ts";
import { computed } from "../data/computed.ts";
import type { Columns } from "../data/dataset.ts";
import type { Purpose, SampleRandom } from "../data/sample-random.ts";
import { JobError } from "../errors.ts";
import type { Job, RunJob } from "../job/define-job.ts";
import { BatchSource } from "./batches.ts";

const allocate = (bytes: number) => {
  const storage = Storage.allocate(bytes, "batches test");
  storage.retain();
  return storage;
};

/** The numbers of a batch of the given training set, by column. */
function drawn(
  train: Columns | ReturnType<typeof computed>,
  augment: Job["augment"],
  {
    rows = [2, 0, 3],
    purpose = "training" as Purpose,
    epoch = 0,
    firstDraw = undefined as number | undefined,
  },
) {
  const context = { params: {}, state: undefined };
  const job = { dataset: { train }, augment, context } as unknown as RunJob;
  // Room for more samples than are loaded.
  const source = new BatchSource(job, storeSet("train", train, allocate), purpose, 1, 5);
  source.load(Int32Array.from(rows), epoch, firstDraw);
  return scope(() =>
    Object.fromEntries(Object.entries(source.batch(rows.length)).map(([name, y]) => [name, y.toNested()])),
  );
}

const columns = { v: { shape: [2] }, label: { dtype: "int32" } } as const satisfies Record<string, unknown>;
const make = (sample: (index: number, rng: SampleRandom) => unknown, samples = 4) =>
  computed({
    samples,
    columns,
    sample: sample as ComputedDefinition<typeof columns>["sample"],
  });

const memory = {
  v: { data: Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5), shape: [2] },
  bytes: { data: Uint8Array.of(0, 1, 2, 3), scale: 0.5 },
  label: Uint8Array.of(10, 11, 12, 13),
};

describe("computed sets", () => {
  it("are computed for the samples of the batch, in their order", () => {
    const set = make((i) => ({ v: [i, i / 2], label: i * 10 }));
    expect(drawn(set, undefined, {})).toEqual({
      v: [
        [2, 1],
        [0, 0],
        [3, 1.5],
      ],
      label: [20, 0, 30],
    });
  });

  it("may return the same array again and again", () => {
    const v = new Float32Array(2);
    const set = make((i) => ({ v: v.fill(i), label: Int32Array.of(i) }));
    expect(drawn(set, undefined, { rows: [1, 3] })).toEqual({
      v: [
        [1, 1],
        [3, 3],
      ],
      label: [1, 3],
    });
  });

  it("draw random numbers by sample and epoch, wherever in a batch", () => {
    const set = make((_, rng) => ({ v: [rng.uniform(), rng.uniform()], label: rng.integer(1000) }));
    const [a, b] = [{ rows: [2, 0, 3] }, { rows: [3, 2] }].map(
      (options) => drawn(set, undefined, options) as { v: number[][] },
    );
    expect(b!.v).toEqual([a!.v[2], a!.v[0]]);
    const other = drawn(set, undefined, { epoch: 1 }) as { v: number[][] };
    const evaluated = drawn(set, undefined, { purpose: "evaluation" }) as { v: number[][] };
    expect(new Set([a!, other, evaluated].map(({ v }) => String(v))).size).toBe(3);
  });

  it("drawn with replacement, the same sample has other numbers each time", () => {
    const set = make((i, rng) => ({ v: [rng.uniform(), i], label: i }));
    const { v } = drawn(set, undefined, { rows: [1, 1], firstDraw: 6 }) as { v: number[][] };
    expect(v[0]![0]).not.toBe(v[1]![0]);
    const second = drawn(set, undefined, { rows: [1], firstDraw: 7 }) as { v: number[][] };
    expect(second.v[0]).toEqual(v[1]);
  });

  it.each<[name: string, sample: (i: number) => unknown, message: RegExp]>([
    [
      "too few numbers",
      () => ({ v: [1], label: 1 }),
      /column v of sample 2 has 1 numbers, expected 2 numbers/,
    ],
    [
      "a number for two",
      () => ({ v: 1, label: 1 }),
      /column v of sample 2 has 1 numbers, expected 2 numbers/,
    ],
    [
      "NaN",
      () => ({ v: [0, Number.NaN], label: 1 }),
      /column v of sample 2 has NaN at place 1, expected finite/,
    ],
    ["too large a number", () => ({ v: [1e39, 0], label: 1 }), /v of sample 2 has 1e\+39 at place 0/],
    ["text", () => ({ v: ["1", "2"], label: 1 }), /v of sample 2 has 1 at place 0, expected finite float32/],
    ["a fraction", () => ({ v: [0, 0], label: 1.5 }), /label of sample 2 has 1.5 at place 0, expected int32/],
    ["a large integer", () => ({ v: [0, 0], label: 2 ** 31 }), /label of sample 2 has 2147483648 at place 0/],
    ["nested arrays", () => ({ v: [[1], [2]], label: 1 }), /v of sample 2 has Array at place 0/],
    [
      "big integers",
      () => ({ v: [0, 0], label: BigInt64Array.of(1n) }),
      /label of sample 2 has 1 at place 0/,
    ],
    ["a column missing", () => ({ v: [0, 0] }), /label of sample 2 is undefined, expected a number, as an/],
    [
      "a column too many",
      () => ({ v: [0, 0], label: 1, w: 1 }),
      /sample\(\) returned "w", expected the columns v, label/,
    ],
    ["nothing", () => undefined, /column v of sample 2 is undefined, expected 2 numbers/],
    [
      "a promise",
      async () => ({ v: [0, 0], label: 1 }),
      /sample 2: sample\(\) returned a promise, expected values/,
    ],
    [
      "a promise for a column",
      () => ({ v: Promise.resolve([0, 0]), label: 1 }),
      /v of sample 2 is Promise, expected/,
    ],
  ])("that give %s are refused, by column and sample", (_, sample, message) => {
    const call = () => drawn(make(sample), undefined, {});
    expect(call).toThrow(message);
    expect(call).toThrow(/^dataset: train /);
    expect(call).toThrow(JobError);
  });

  it("an error is told with the sample, and is a mistake only if it is one of shardgrad's", () => {
    const call = (sample: (index: number) => never) => () => drawn(make(sample), undefined, {});
    const reading = call(() => {
      throw new RangeError("gone");
    });
    expect(reading).toThrow("dataset: train sample 2: sample() threw RangeError: gone");
    expect(reading).not.toThrow(JobError);
    const shapes = call(() => matmul(ones([2, 3]), ones([2, 3])) as never);
    expect(shapes).toThrow(/^dataset: train sample 2: sample\(\) threw ShapeError: /);
    expect(shapes).toThrow(JobError);
  });

  it.each<[name: string, definition: unknown, message: RegExp]>([
    ["no samples", { samples: 0 }, /samples is 0, expected an integer from 1/],
    ["no columns", { columns: {} }, /there are no columns/],
    [
      "a shape that is none",
      { columns: { v: { shape: [0] } } },
      /column v has shape \[0\], expected an array of/,
    ],
    [
      "an unknown type",
      { columns: { v: { dtype: "uint8" } } },
      /column v is uint8, expected "float32" or "int32"/,
    ],
    ["no function", { sample: [] }, /sample is object, expected a function/],
  ])("that declare %s are refused", (_, change, message) => {
    const definition = { samples: 1, columns: { v: {} }, sample: () => ({ v: 1 }) };
    expect(() => computed({ ...definition, ...(change as typeof definition) })).toThrow(message);
  });
});

describe("augment", () => {
  it("changes samples in place, as a batch holds them, and the data set not at all", () => {
    const augment: Job["augment"] = (sample) => {
      for (const values of Object.values(sample)) values[0]! += 100;
    };
    const expected = {
      v: [
        [102, 2.5],
        [100, 0.5],
        [103, 3.5],
      ],
      bytes: [101, 100, 101.5],
      label: [112, 110, 113],
    };
    expect(drawn(memory, augment, {})).toEqual(expected);
    expect(memory.v.data[0]).toBe(0);
  });

  it("or returns some columns anew", () => {
    const augment: Job["augment"] = ({ v }) => ({ v: v!.toReversed(), label: 1 });
    expect(drawn(memory, augment, { rows: [1] })).toEqual({ v: [[1.5, 1]], bytes: [0.5], label: [1] });
  });

  it("leaves what is evaluated as it is", () => {
    const augment: Job["augment"] = () => ({ label: 0 });
    expect(drawn(memory, augment, { purpose: "evaluation" }).label).toEqual([12, 10, 13]);
  });

  it("has random numbers by sample and epoch", () => {
    const augment: Job["augment"] = (_, rng) => ({ label: rng.integer(2 ** 31) });
    const labels = (options: { rows?: number[]; epoch?: number }) => drawn(memory, augment, options).label;
    const [first, , third] = labels({}) as number[];
    expect(labels({ rows: [3, 2] })).toEqual([third, first]);
    expect(labels({ epoch: 1 })).not.toEqual(labels({}));
  });

  it("works on computed samples, too", () => {
    const set = make((i) => ({ v: [i, i], label: i }));
    const augment: Job["augment"] = ({ label }) => ({ v: [label![0]! + 0.5, 0] });
    expect(drawn(set, augment, { rows: [1] })).toEqual({ v: [[1.5, 0]], label: [1] });
  });

  it.each<[name: string, augment: Job["augment"], message: RegExp]>([
    [
      "leaves NaN behind",
      ({ v }) => {
        v![1] = Number.NaN;
      },
      /dataset: train column v of sample 2 has NaN at place 1/,
    ],
    ["returns too much", () => ({ v: [1, 2, 3] }), /column v of sample 2 has 3 numbers, expected 2/],
    [
      "returns an unknown column",
      () => ({ w: 1 }),
      /augment\(\) returned "w", expected the columns v, bytes, label/,
    ],
    [
      "returns a promise",
      (async () => undefined) as never,
      /augment\(\) returned a promise, expected values/,
    ],
  ])("that %s is refused", (_, augment, message) => {
    expect(() => drawn(memory, augment, {})).toThrow(message);
    expect(() => drawn(memory, augment, {})).toThrow(JobError);
  });
});
