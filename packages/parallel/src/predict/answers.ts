// Runs a loaded model on columns: batch by batch, in evaluation mode and without gradients, as the evaluation of a run
// does, so that the numbers are the same. Every tensor is freed; what comes out are plain values, one for each row.
import type { AnyModule, NumericArray } from "@shardgrad/core";
import { Generator, noGrad, scope, stream, Tensor, withGenerator } from "@shardgrad/core";
import type { CheckedColumn, StoredColumn } from "../data/columns.ts";
import { storeChecked } from "../data/columns.ts";
import { SetBlocks } from "../data/set-blocks.ts";
import { callOfJob, JobError } from "../errors.ts";
import type { RunJob } from "../job/define-job.ts";
import { BatchSource } from "../step/batches.ts";
import { inputColumnOf } from "./input-column.ts";

/** A model that answers, and what it takes for it. */
export interface Answering {
  job: RunJob;
  model: AnyModule;
  /** The columns that it was trained with. */
  columns: readonly StoredColumn[];
  seed: number;
}

type Predict = (batch: Record<string, Tensor>) => unknown;

/** How the job predicts: by its own function, or by the model's output for its one input column. */
export function predictionOf(
  where: string,
  { job, model, columns }: Answering,
  given: readonly string[],
): Predict {
  const { predict } = job;
  if (predict) {
    return (batch) =>
      callOfJob(`${where}: the job's predict()`, () => predict(model as never, batch, job.context));
  }
  const name = given.length === 1 ? given[0] : inputColumnOf(job, model, columns);
  if (name === undefined) {
    throw new JobError(
      `${where}: the job does not say which of its columns is the input; give it predict: (model, { x }) => model.forward(x), or give that column only`,
    );
  }
  const forward = (model as unknown as { forward: (x: Tensor) => unknown }).forward.bind(model);
  return (batch) => forward(batch[name]!);
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** The rows of a tensor: numbers, or a typed array for each. */
function rowsOfTensor(where: string, name: string, x: unknown, count: number): unknown[] {
  if (!(x instanceof Tensor))
    throw new JobError(
      `${where}: ${name} is ${x === null ? "null" : typeof x}, expected a tensor, or several by name`,
    );
  if (x.shape[0] !== count) {
    throw new JobError(
      `${where}: ${name} has shape [${x.shape.join(",")}] for ${count} samples; expected a row for each`,
    );
  }
  const values: NumericArray = x.toArray();
  const width = values.length / count;
  return Array.from({ length: count }, (_, row) =>
    width === 1 ? values[row] : values.slice(row * width, (row + 1) * width),
  );
}

function rowsOf(where: string, output: unknown, count: number): unknown[] {
  if (!isRecord(output)) return rowsOfTensor(where, "predict()", output, count);
  const names = Object.keys(output);
  const columns = names.map((name) => rowsOfTensor(where, `predict().${name}`, output[name], count));
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(names.map((name, i) => [name, columns[i]![row]])),
  );
}

function decoded(where: string, { job }: Answering, output: unknown, count: number): unknown[] {
  const { decode, context } = job;
  if (!decode) return rowsOf(where, output, count);
  const values: unknown = callOfJob(`${where}: the job's decode()`, () =>
    decode(output as never, context.state),
  );
  const isList = Array.isArray(values) || ArrayBuffer.isView(values);
  if (isList && (values as ArrayLike<unknown>).length === count) {
    const list = Array.from(values as ArrayLike<unknown>);
    const odd = list.find((value) => typeof value === "function" || typeof value === "symbol");
    if (odd === undefined) return list;
    throw new JobError(
      `${where}: decode() returned a ${typeof odd} for a sample, expected plain data: a number, a text, an array or an object of these`,
    );
  }
  const got =
    values instanceof Promise
      ? "a promise"
      : isList
        ? `${(values as ArrayLike<unknown>).length} values`
        : typeof values;
  throw new JobError(
    `${where}: decode() returned ${got} for ${count} samples, expected an array with a value for each`,
  );
}

/**
 * A value for each sample of the columns.
 *
 * @param first the number of the first batch: those before it are answered elsewhere
 * @throws JobError if the job's functions do not return what they must, or need a column that is not given
 */
export function answerColumns(
  where: string,
  answering: Answering,
  given: readonly CheckedColumn[],
  { batch: size, first = 0 }: { batch: number; first?: number },
): unknown[] {
  const { job, seed } = answering;
  const blocks = new SetBlocks();
  let source: BatchSource | undefined;
  try {
    const stored = storeChecked(given, blocks.allocate);
    const { samples } = stored;
    source = new BatchSource(job, stored, "evaluation", seed, Math.min(size, samples));
    const predict = predictionOf(
      where,
      answering,
      stored.columns.map(({ name }) => name),
    );
    const noise = new Generator(seed, stream.evaluation);
    const answers: unknown[] = [];
    for (let start = 0; start < samples; start += size) {
      const count = Math.min(size, samples - start);
      source.load(
        Int32Array.from({ length: count }, (_, i) => start + i),
        0,
      );
      const { during, batch } = { during: source.during.bind(source), batch: source.batch.bind(source) };
      noise.restart(first + start / size);
      const part = noGrad(() =>
        withGenerator(noise, () =>
          scope(() =>
            during(count, () =>
              decoded(where, answering, predict(batch(count, `${where}: what is given`)), count),
            ),
          ),
        ),
      );
      for (const value of part) answers.push(value);
    }
    return answers;
  } finally {
    source?.dispose();
    blocks.release();
  }
}
