// Checks that a loss is the mean over its samples. Only then is the mean over shards the mean over the batch, however
// it is split.
//
//   loss(a and b and …) = (weight(a) loss(a) + weight(b) loss(b) + …) / (weight(a) + weight(b) + …)
//
// The main thread checks a few rows before step 1, in evaluation mode: there BatchNorm and dropout treat each row by
// itself. It skips losses that it cannot compare, such as one that draws random numbers by the place of a row.
import { Generator, narrow, scope, stream, withGenerator } from "@shardgrad/core";
import { byColumn } from "../data/columns.ts";
import { JobError } from "../errors.ts";
import { keepModes } from "../step/evaluate.ts";
import { RunPlace } from "../step/run-place.ts";
import { sampleWeights } from "../step/sample-weights.ts";
import type { Probed } from "./probe.ts";
import { besideStatistics } from "./probe.ts";

/** Few rows, as differences show most between few; at least two per part, as a single row has no variance. */
const rowsOfPart = 2;
const mostRows = 9;

/** Smaller relative differences, and smaller losses, may be rounding. */
const tolerance = 1e-3;
const smallest = 1e-6;

type Looked = Pick<Probed, "job" | "model" | "seed" | "step" | "epoch" | "train">;

/** The loss of some of the loaded rows; undefined if there is none to compare. */
function lossOfRows({ job, model, seed, step, epoch, train }: Looked, count: number) {
  const noise = new Generator(seed, stream.noise);
  const compute = (from: number, to: number): number | undefined => {
    const columns = Object.entries(train.source.batch(count));
    const rows = columns.map(([name, x]) => [name, narrow(x, 0, from, to - from)] as const);
    const place = new RunPlace();
    place.set(step, epoch);
    try {
      const context = { ...job.context, step: place.step, epoch: place.epoch };
      const loss = job.loss(model, byColumn("train: the batch", rows), context).item();
      const isComparable = noise.position === 0 && Number.isFinite(loss);
      return isComparable ? loss : undefined;
    } catch {
      // Some losses cannot work with so few rows. The run reports what fails with whole shards.
      return undefined;
    } finally {
      place.dispose();
    }
  };
  return (from: number, to: number) =>
    besideStatistics(model, () => withGenerator(noise.restart(step), () => scope(() => compute(from, to))));
}

/** The ends of the parts of so many rows. The last part takes the remainder, so that the parts differ in size. */
function partsOf(count: number): [from: number, to: number][] {
  const parts = Math.max(1, Math.floor(count / rowsOfPart));
  return Array.from({ length: parts }, (_, i) => [
    i * rowsOfPart,
    i === parts - 1 ? count : (i + 1) * rowsOfPart,
  ]);
}

/** @throws JobError if the loss of some rows is not the mean of the losses of parts of them */
export function checkMeanLoss(looked: Looked): void {
  const { job, model, train } = looked;
  if (job.lossOver === "shard") return;
  const count = Math.min(train.load(train.source, 0), mostRows);
  const weights =
    job.sampleWeight === undefined
      ? new Float32Array(count).fill(1)
      : sampleWeights(job.sampleWeight, train.source, count).slice();
  const parts = partsOf(count)
    .map(([from, to]) => ({ from, to, weight: weights.subarray(from, to).reduce((sum, w) => sum + w, 0) }))
    .filter(({ weight }) => weight > 0);
  if (parts.length < 2) return;
  const putBack = keepModes(model);
  model.eval();
  let whole: number | undefined;
  let losses: (number | undefined)[];
  try {
    const lossOf = lossOfRows(looked, count);
    whole = lossOf(0, count);
    losses = parts.map(({ from, to }) => lossOf(from, to));
  } finally {
    putBack();
  }
  if (whole === undefined || losses.includes(undefined)) return;
  let [sum, weight] = [0, 0];
  parts.forEach((part, i) => {
    sum += part.weight * losses[i]!;
    weight += part.weight;
  });
  const mean = sum / weight;
  const scale = Math.max(Math.abs(whole), ...(losses as number[]).map(Math.abs));
  if (scale <= smallest || Math.abs(whole - mean) <= tolerance * scale) return;
  const [tellWhole, tellMean] = [whole, mean].map((x) => Number(x.toPrecision(5)));
  throw new JobError(
    `train: loss is no mean over the samples: of ${count} of them it is ${tellWhole}, and the mean of parts of them ${tellMean}; results would depend on how a batch is split: return the mean, with sampleWeight for weights of classes and for means over tokens, or say lossOver: "shard" if samples of a shard are compared with each other`,
  );
}
