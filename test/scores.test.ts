// The scores against scikit-learn's numbers, written by scikit-learn/scores.py. Whole runs of several sizes, with more
// than one chunk and uneven shares of the workers; and edge cases.
import { readFileSync } from "node:fs";
import type { Collected, Score } from "@shardgrad/parallel";
import {
  accuracyScore,
  averagePrecisionScore,
  confusionMatrix,
  f1Score,
  logLoss,
  meanSquaredError,
  perplexity,
  precisionScore,
  r2Score,
  recallScore,
  residuals,
  rocAucScore,
  topKAccuracyScore,
  train,
} from "@shardgrad/parallel";
import { describe, expect, it } from "vitest";

interface Numbers {
  [name: string]: number | number[][];
}
const { sizes }: { sizes: Record<string, { plain: Numbers; weighted: Numbers }> } = JSON.parse(
  readFileSync(new URL("./fixtures/scores.json", import.meta.url), "utf8"),
);

const evaluate = async (samples: string, weighted: boolean, workers: number) => {
  const job = new URL(`./jobs/scores.ts?${samples}${weighted ? "&weighted" : ""}`, import.meta.url);
  return (await train(job, { workers, kernels: "wasm" })).metrics;
};

describe.each(Object.keys(sizes))("of %s samples", (samples) => {
  it.each(["plain", "weighted"] as const)("they are scikit-learn's, %s", async (kind) => {
    const expected = sizes[samples]![kind];
    const found = await evaluate(samples, kind === "weighted", 2);
    expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
    for (const [name, value] of Object.entries(expected)) {
      if (typeof value === "number") expect([name, found[name]]).toEqual([name, expect.closeTo(value, 9)]);
      else expect([name, found[name]]).toEqual([name, value]);
    }
  });
});

it("they are the same bits for any number of workers", async () => {
  const expected = await evaluate("600", true, 1);
  for (const workers of [2, 4]) expect(await evaluate("600", true, workers)).toEqual(expected);
});

const rows = (values: number[] | number[][], array: Float32ArrayConstructor | Int32ArrayConstructor) => {
  const [first] = values;
  const shape = [values.length, ...(Array.isArray(first) ? [first.length] : [])];
  return { data: array.from(values.flat()), shape };
};
const floats = (values: number[] | number[][]) => rows(values, Float32Array);
const labels = (values: number[]) => rows(values, Int32Array);

function scored(score: Score, output: Collected, target: Collected) {
  const samples = output.shape[0]!;
  const shapes = [output, target].map(({ shape }) => shape.slice(1));
  const outputs = score.keep?.([output, target]) ?? ([output, target] as const);
  return score(outputs, { samples, weights: undefined, shapes });
}

it.each<[name: string, score: Score, output: Collected, target: Collected, expected: unknown]>([
  [
    "a class that is absent from both",
    f1Score({ average: "macro" }),
    labels([0, 2, 2, 0]),
    labels([0, 0, 2, 2]),
    0.5,
  ],
  [
    "one that is only predicted",
    f1Score({ average: "macro" }),
    labels([3, 0, 1]),
    labels([0, 0, 1]),
    0.5555555555555555,
  ],
  [
    "the same, weighted",
    f1Score({ average: "weighted" }),
    labels([3, 0, 1]),
    labels([0, 0, 1]),
    0.7777777777777777,
  ],
  [
    "one that is never predicted",
    precisionScore({ average: "macro" }),
    labels([0, 0, 0]),
    labels([0, 1, 2]),
    0.1111111111111111,
  ],
  ["nothing to divide by", recallScore(), labels([0, 0]), labels([0, 0]), 0],
  [
    "equal scores: the last class first",
    topKAccuracyScore({ k: 1 }),
    floats([
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
      [2, 1, 2],
    ]),
    labels([0, 1, 2, 0]),
    0.25,
  ],
  [
    "and the second of them",
    topKAccuracyScore({ k: 2 }),
    floats([
      [1, 1, 1],
      [1, 1, 1],
      [1, 1, 1],
      [2, 1, 2],
    ]),
    labels([0, 1, 2, 0]),
    0.75,
  ],
  ["AUC of equal scores", rocAucScore(), floats([0.5, 0.5, 0.5, 0.5]), labels([0, 1, 1, 0]), 0.5],
  ["AUC with ties", rocAucScore(), floats([1, 1, 2, 2, 3]), labels([0, 1, 0, 1, 1]), 0.6666666666666666],
  ["AUC of one class", rocAucScore(), floats([0.1, 0.2]), labels([0, 0]), Number.NaN],
  [
    "AUC of scores of two classes",
    rocAucScore(),
    floats([
      [5, 1],
      [3, 1],
      [2, 1],
    ]),
    labels([0, 1, 1]),
    1,
  ],
  [
    "AUC with an absent class",
    rocAucScore(),
    floats([
      [0.5, 0.25, 0.25],
      [0.25, 0.5, 0.25],
    ]),
    labels([0, 1]),
    Number.NaN,
  ],
  ["AUC of NaN", rocAucScore(), floats([0.1, Number.NaN]), labels([0, 1]), Number.NaN],
  ["average precision of nothing", averagePrecisionScore(), floats([0.1, 0.2, 0.3]), labels([0, 0, 0]), 0],
  [
    "certainty that is right",
    logLoss(),
    floats([0, 1]),
    labels([0, 1]),
    expect.closeTo(1.1920930376163597e-7, 13),
  ],
  [
    "certainty that is wrong",
    logLoss(),
    floats([0, 1]),
    labels([1, 0]),
    expect.closeTo(15.942384719848633, 6),
  ],
  [
    "logits that are large",
    logLoss({ logits: true }),
    floats([
      [1000, 0],
      [0, 1000],
    ]),
    labels([0, 0]),
    500,
  ],
  ["a constant target, missed", r2Score(), floats([1, 2, 3]), floats([2, 2, 2]), 0],
  ["a constant target, met", r2Score(), floats([0.1, 0.1, 0.1]), floats([0.1, 0.1, 0.1]), 1],
  ["R² of one sample", r2Score(), floats([1]), floats([1]), Number.NaN],
  ["predictions [n,1] of targets [n]", meanSquaredError(), floats([[1], [2]]), floats([1, 4]), 2],
  [
    "a model that says NaN",
    accuracyScore(),
    floats([
      [1, Number.NaN],
      [1, 0],
    ]),
    labels([0, 0]),
    0.5,
  ],
  [
    "labels that are floats",
    accuracyScore({ threshold: 0.5 }),
    floats([[0.9], [0.2]]),
    floats([[1], [1]]),
    0.5,
  ],
  [
    "a matrix of a class that is never seen",
    confusionMatrix(),
    floats([
      [1, 0, 0],
      [0, 1, 0],
    ]),
    labels([1, 1]),
    [
      [0, 0, 0],
      [1, 1, 0],
      [0, 0, 0],
    ],
  ],
  [
    "residuals of as many samples as rows",
    residuals({ rows: 3 }),
    floats([[1.5], [2], [4]]),
    floats([1, 2, 3]),
    [
      [1, 1.5],
      [2, 2],
      [3, 4],
    ],
  ],
  [
    "of more, spread evenly",
    residuals({ rows: 3 }),
    floats([0, 10, 20, 30, 40, 50, 60]),
    floats([1, 11, 21, 31, 41, 51, 61]),
    [
      [1, 0],
      [21, 20],
      [41, 40],
    ],
  ],
  [
    "of fewer",
    residuals({ rows: 4 }),
    floats([5, 6]),
    floats([7, 8]),
    [
      [7, 5],
      [8, 6],
      [Number.NaN, Number.NaN],
      [Number.NaN, Number.NaN],
    ],
  ],
])("%s", (_, score, output, target, expected) => {
  expect(scored(score, output, target)).toEqual(expected);
});

it("perplexity leaves ignored tokens out, and all tokens weigh the same", () => {
  const logits = { data: new Float32Array(2 * 3 * 4), shape: [2, 3, 4] };
  const tokens = { data: Int32Array.of(0, -100, -100, 1, 2, 3), shape: [2, 3] };
  expect(scored(perplexity(), logits, tokens)).toBeCloseTo(4, 12);
  logits.data[0] = Math.log(5);
  // 5/8 once, and 1/4 three times.
  expect(scored(perplexity(), logits, tokens)).toBeCloseTo((8 / 5) ** 0.25 * 4 ** 0.75, 6);
});

it.each<[name: string, score: Score, output: Collected, target: Collected, message: string]>([
  [
    "one number without a threshold",
    f1Score(),
    floats([1, 2]),
    labels([0, 1]),
    "expected scores of classes [n,classes], or a threshold: 0 for logits",
  ],
  [
    "several classes by binary",
    f1Score(),
    floats([[1, 2, 3]]),
    labels([0]),
    'f1Score got 3 classes, and averages by "binary"; expected average: "macro"',
  ],
  [
    "labels that are no classes",
    accuracyScore(),
    floats([[1, 2]]),
    labels([2]),
    "labels: index 2 at position 0, expected integers from 0 to 1",
  ],
  [
    "labels that are none",
    accuracyScore(),
    floats([[1, 2]]),
    floats([0.5]),
    "labels: index 0.5 at position 0, expected integers",
  ],
  [
    "several labels a sample",
    accuracyScore(),
    floats([[1, 2]]),
    floats([[0, 1]]),
    "got labels [n,2], expected one per sample, [n]",
  ],
  [
    "logits as probabilities",
    logLoss(),
    floats([[1, 2, 3]]),
    labels([0]),
    "expected probabilities; are these logits? Say { logits: true }",
  ],
  [
    "rows that do not sum to 1",
    rocAucScore(),
    floats([[0.1, 0.2, 0.3]]),
    labels([0]),
    "got a row that sums to 0.6, expected probabilities of all classes",
  ],
  [
    "a matrix of labels",
    confusionMatrix(),
    labels([0]),
    labels([0]),
    "confusionMatrix got labels as predictions",
  ],
  [
    "other shapes",
    meanSquaredError(),
    floats([[1, 2]]),
    floats([1]),
    "meanSquaredError got predictions [1,2] and targets [1], expected one shape",
  ],
  [
    "another class axis",
    perplexity(),
    floats([[1, 2]]),
    floats([[1, 2]]),
    "perplexity got logits [1,2] and labels [1,2], expected [n,…,classes] and [n,…]",
  ],
])("refuses %s", (_, score, output, target, message) => {
  expect(() => scored(score, output, target)).toThrow(message);
});
