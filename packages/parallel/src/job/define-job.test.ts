// What defineJob checks, and what its types promise. tsc checks the types.
import type { Tensor } from "@shardgrad/core";
import { Linear, mean, mse, SGD } from "@shardgrad/core";
import { describe, expect, expectTypeOf, it } from "vitest";
import { computed } from "../data/computed.ts";
import type { Columns } from "../data/dataset.ts";
import { splitColumns } from "../data/split.ts";
import { JobError } from "../errors.ts";
import { defineJob } from "./define-job.ts";

const common = {
  model: () => new Linear(2, 1),
  optimizer: (parameters: readonly Tensor[]) => new SGD(parameters, { lr: 0.1 }),
  batchSize: 2,
  epochs: 1,
};
const pictures = {
  x: { data: new Float32Array(8), shape: [2] },
  scaled: { data: new Uint8Array(4), scale: 1 / 255 },
  label: new Uint8Array(4),
  w: new Float32Array(4),
};
const numbered = computed({
  samples: 4,
  columns: { x: { shape: [2] }, label: { dtype: "int32" } },
  sample: (index, rng) => {
    expectTypeOf(index).toEqualTypeOf<number>();
    return { x: [rng.normal(), rng.uniform(-1, 1)], label: rng.integer(3) };
  },
});

describe("types", () => {
  it("a batch has the columns of data in memory, however it comes", () => {
    for (const dataset of [{ train: pictures }, () => ({ train: pictures }), { train: () => pictures }]) {
      defineJob({
        ...common,
        dataset,
        loss: (model, batch) => {
          expectTypeOf(model).toEqualTypeOf<Linear>();
          expectTypeOf<keyof typeof batch>().toEqualTypeOf<keyof typeof pictures>();
          return mse(model.forward(batch.x), batch.w);
        },
      });
    }
    defineJob({
      ...common,
      dataset: async () => splitColumns(pictures, 0.5),
      // @ts-expect-error -- there is no such column
      loss: (model, { y }) => mse(model.forward(y), y),
    });
  });

  it("a batch has the columns of a computed set, also beside a test set in memory", () => {
    defineJob({
      ...common,
      dataset: { train: numbered, test: async () => ({ x: pictures.x, label: pictures.label }) },
      loss: (model, batch) => {
        expectTypeOf<keyof typeof batch>().toEqualTypeOf<"x" | "label">();
        return mean(model.forward(batch.x));
      },
    });
    defineJob({
      ...common,
      // @ts-expect-error -- a test set has the columns of the training set
      dataset: { train: numbered, test: { x: pictures.x } },
      loss: (model, { x }) => mean(model.forward(x)),
    });
  });

  it("a batch has the columns that encode() returns, and state is what fit() returns", () => {
    const people = { age: [31, 44], colour: ["red", "blue"] };
    const learning = {
      fit: (rows: typeof people) => ({ mean: rows.age[0]! }),
      encode: (rows: typeof people, state: { mean: number }) => ({
        x: { data: Float32Array.from(rows.age, (age) => age - state.mean), shape: [1] },
      }),
    };
    defineJob({
      ...common,
      dataset: { load: () => people, ...learning },
      validation: { fraction: 0.5, stratify: "colour" },
      loss: (model, batch, { state }) => {
        expectTypeOf<keyof typeof batch>().toEqualTypeOf<"x">();
        expectTypeOf(state).toEqualTypeOf<{ mean: number }>();
        return mean(model.forward(batch.x));
      },
    });
    defineJob({
      ...common,
      dataset: async () => ({ load: () => people, ...learning }),
      validation: { fraction: 0.5, stratify: "colour" },
      loss: (model, batch, { state }) => {
        expectTypeOf<keyof typeof batch>().toEqualTypeOf<"x">();
        expectTypeOf(state).toEqualTypeOf<{ mean: number }>();
        return mean(model.forward(batch.x));
      },
    });
    defineJob({
      ...common,
      dataset: { load: () => people, ...learning },
      // @ts-expect-error -- there is no such raw column
      validation: { fraction: 0.5, stratify: "size" },
      loss: (model, { x }) => mean(model.forward(x)),
    });
  });

  it("decode() gets what predict() returns", () => {
    const job = {
      ...common,
      dataset: { train: pictures },
      loss: (model: Linear, { x }: { x: Tensor }) => mean(model.forward(x)),
    };
    defineJob({
      ...job,
      predict: (model, { x }) => ({ y: model.forward(x) }),
      decode: (output) => {
        expectTypeOf(output).toEqualTypeOf<{ y: Tensor }>();
        return output.y.toArray();
      },
    });
    defineJob({ ...job, decode: (output) => output.toArray() });
    // @ts-expect-error -- no function
    expect(() => defineJob({ ...job, decode: ["yes", "no"] })).toThrow(
      "decode is object, expected a function",
    );
  });

  it("a sample is as the columns say", () => {
    const columns = { x: { shape: [2] }, label: { dtype: "int32" } } as const;
    // @ts-expect-error -- a column is missing
    computed({ samples: 1, columns, sample: () => ({ x: [1, 2] }) });
    // @ts-expect-error -- no numbers
    computed({ samples: 1, columns, sample: () => ({ x: "1", label: 2 }) });
    const sample = () => ({ x: 1 });
    // @ts-expect-error -- there is no such type
    expect(() => computed({ samples: 1, columns: { x: { dtype: "uint8" } }, sample })).toThrow(JobError);
  });

  it("augment sees a sample as a batch holds it", () => {
    const loss = (model: Linear, { x }: { x: Tensor }) => mean(model.forward(x));
    defineJob({
      ...common,
      loss,
      dataset: { train: pictures },
      augment: ({ x, scaled, label, w }) => {
        expectTypeOf({ x, scaled, w }).toEqualTypeOf<{
          x: Float32Array;
          scaled: Float32Array;
          w: Float32Array;
        }>();
        expectTypeOf(label).toEqualTypeOf<Int32Array>();
      },
    });
    defineJob({
      ...common,
      loss,
      dataset: { train: numbered },
      augment: ({ x, label }, rng) => {
        expectTypeOf(x).toEqualTypeOf<Float32Array>();
        expectTypeOf(label).toEqualTypeOf<Int32Array>();
        return { x: x.map((value) => value + rng.normal()) };
      },
    });
    defineJob({
      ...common,
      loss: (model, { x }) => mean(model.forward(x!)),
      dataset: { train: pictures as Columns },
      augment: ({ x }) => {
        expectTypeOf(x!).toEqualTypeOf<Float32Array | Int32Array>();
      },
    });
  });

  it("params and state are what the job says, in every function", () => {
    defineJob({
      ...common,
      params: { lr: 0.1, name: "a", sizes: [1, 2] },
      dataset: async ({ params }) => {
        expectTypeOf(params).toEqualTypeOf<{ lr: number; name: string; sizes: number[] }>();
        return { train: pictures, state: { means: [0.5] } };
      },
      model: (_, { params, state }) => {
        expectTypeOf(params.lr).toEqualTypeOf<number>();
        expectTypeOf(state).toEqualTypeOf<{ means: number[] }>();
        return new Linear(2, 1);
      },
      loss: (model, { x }, { params, state, step, epoch }) => {
        expectTypeOf(params.name).toEqualTypeOf<string>();
        expectTypeOf(state.means).toEqualTypeOf<number[]>();
        expectTypeOf({ step, epoch }).toEqualTypeOf<{ step: Tensor; epoch: Tensor }>();
        return mean(model.forward(x));
      },
      optimizer: (parameters, { params, model, steps }) => {
        expectTypeOf(model).toEqualTypeOf<Linear>();
        expectTypeOf(steps).toEqualTypeOf<number>();
        // @ts-expect-error -- there is no such param
        expect(params.momentum).toBe(undefined);
        return new SGD(parameters, { lr: params.lr });
      },
      metrics: {
        first: (_model, { w }, { state }) => {
          expectTypeOf(state.means).toEqualTypeOf<number[]>();
          return w;
        },
      },
    });
    // @ts-expect-error -- no number, string or boolean
    expect(() => defineJob({ ...common, params: { lr: null }, dataset: { train: pictures } })).toThrow(
      "defineJob: params.lr is null, expected a finite number, a string, a boolean",
    );
  });

  it("columns are named by those that there are", () => {
    const job = {
      ...common,
      dataset: { train: pictures },
      loss: (model: Linear, { x }: { x: Tensor }) => mean(model.forward(x)),
    };
    defineJob({
      ...job,
      sampleWeight: "w",
      sampling: { balance: "label" },
      validation: { fraction: 0.5, stratify: "label" },
    });
    // @ts-expect-error -- there is no such column
    defineJob({ ...job, sampleWeight: "weight" });
    // @ts-expect-error -- there is no such column
    defineJob({ ...job, sampling: { weights: "weight" } });
    // @ts-expect-error -- there is no such column
    expect(() => splitColumns(pictures, { fraction: 0.5, stratify: "class" })).toThrow(JobError);
  });
});

it.each<[name: string, change: object, message: RegExp]>([
  [
    "validation that is no fraction",
    { validation: 2 },
    /defineJob: validation: fraction is 2, expected a number/,
  ],
  [
    "sampling that is none",
    { sampling: "balanced" },
    /defineJob: sampling: got "balanced", expected an object, such as \{ shuffle/,
  ],
  ["augmentation that is no function", { augment: {} }, /defineJob: augment is object, expected a function/],
  [
    "weights that are no name",
    { sampleWeight: [1] },
    /sampleWeight is object, expected the name of a column/,
  ],
])("refuses %s", (_, change, message) => {
  const job = {
    ...common,
    dataset: { train: pictures },
    loss: (_model: Linear, { x }: { x: Tensor }) => mean(x),
  };
  expect(() => defineJob({ ...job, ...change })).toThrow(message);
  expect(() => defineJob({ ...job, ...change })).toThrow(JobError);
});

describe("rules of steps", () => {
  const parts = { ...common, dataset: { train: pictures }, loss: () => mean(new Linear(2, 1).weight) };

  it.each<[change: object, message: string]>([
    [{ accumulate: 0 }, "defineJob: accumulate is 0, expected an integer of at least 1"],
    [{ clipGradNorm: -1 }, "defineJob: clipGradNorm is -1, expected a number above 0"],
    [{ clipGradValue: Number.NaN }, "defineJob: clipGradValue is NaN, expected a number above 0"],
    [{ onNonFinite: "ignore" }, 'defineJob: onNonFinite is "ignore", expected "stop" or "skip"'],
    [{ ema: 0.9 }, "defineJob: ema: got 0.9, expected an object, such as { decay: … }"],
    [{ ema: { decay: 1.5 } }, "defineJob: ema has the decay 1.5"],
    [
      { earlyStopping: "loss" },
      'defineJob: earlyStopping: got "loss", expected an object, such as { metric: … }',
    ],
  ])("%o is refused", (change, message) => {
    expect(() => defineJob({ ...parts, ...change })).toThrow(message);
  });

  it("and what makes sense is not", () => {
    const job = {
      ...parts,
      accumulate: 2,
      clipGradNorm: 1,
      ema: { decay: () => 0.5 },
      onNonFinite: "skip",
    } as const;
    expect(defineJob(job)).toMatchObject({ accumulate: 2, onNonFinite: "skip" });
  });
});
