// predict(): answers for many rows, on all cores. Each thread loads the weights itself, and answers whole batches, counted
// over all rows; so the answers are the same for any number of threads.
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "./check-parts.ts";
import { deserializeError, JobError } from "./errors.ts";
import { requireCount } from "./job/define-job.ts";
import type { LoadJobOptions, PredictOptions } from "./load.ts";
import { batchOf } from "./load.ts";
import { explainPiscina, findWorker } from "./own-folder.ts";
import { usableCores } from "./plan/cpu-limit.ts";
import { checkValues } from "./plan/train-options.ts";
import { answerColumns } from "./predict/answers.ts";
import type { Given } from "./predict/given-columns.ts";
import { columnsGiven, sliceColumns } from "./predict/given-columns.ts";
import type { KnownJob } from "./predict/loaded-job.ts";
import { disposeModel, findKnownJob, loadModel, withKernels } from "./predict/loaded-job.ts";
import type { Piece, PieceResult } from "./predict/piece.ts";
import { requireSurroundings } from "./surroundings.ts";

/** Options of `predict`. */
export interface PredictRowsOptions extends LoadJobOptions, PredictOptions {
  /** Threads; default: as many as the cores, but no more than there are batches. */
  workers?: number;
}

const optionsOfPredictRows = optionNames<PredictRowsOptions>({ kernels: true, batch: true, workers: true });

/** Batches of a piece of work: enough that handing it over takes no time, few enough that all threads end together. */
const batchesOfPiece = 16;

/**
 * Answers for samples or rows, as `predict` of a loaded job, on several threads. The answers do not depend on their number.
 *
 * @param job URL or path of the job's module
 * @param file path or file URL of the weights
 * @returns a value for each row
 * @throws JobError as `load` and its `predict`
 */
export async function predict<T = unknown>(
  job: string | URL,
  file: string | URL,
  given: Given,
  options: PredictRowsOptions = {},
): Promise<T[]> {
  checkParts("predict", options, optionsOfPredictRows, "option");
  checkValues("predict", options);
  const batch = batchOf("predict", options);
  if (options.workers !== undefined) requireCount("predict", "workers", options.workers);
  const known = await findKnownJob("predict", job, file, options.kernels);
  const columns = columnsGiven("predict", given, known.info, known.encode);
  if (!columns) return [];
  const { samples } = columns[0]!;
  const workers = Math.min(options.workers ?? usableCores(), Math.ceil(samples / batch));
  if (workers > 1) return (await inThreads(known, columns, { batch, workers })) as T[];
  return withKernels(known.kernels, () => {
    const loaded = loadModel("predict", known);
    try {
      return answerColumns("predict", loaded, columns, { batch }) as T[];
    } finally {
      disposeModel(loaded.model);
    }
  });
}

/** The name of the task in the file of the worker threads. */
const answering = { name: "answerPiece" };

async function startThreads(url: string, workers: number) {
  try {
    // Imported here, so that workers, which import this package, do not load it.
    const { Piscina } = await import("piscina");
    return new Piscina<Piece, PieceResult>({
      filename: findWorker("predict", url).href,
      minThreads: workers,
      maxThreads: workers,
      atomics: "disabled",
    });
  } catch (error) {
    throw explainPiscina("predict", error);
  }
}

/** What Piscina's errors mean here. */
function explainThread(error: unknown): unknown {
  const { message } = error as Error;
  if (/could not be cloned/.test(message))
    return new JobError(
      `predict: decode() returned values that cannot be sent between threads: ${message}; return plain data, or use one worker`,
      { cause: error },
    );
  const [, code] = /^worker exited with code: (-?\d+)/.exec(message) ?? [];
  if (code === undefined) return error;
  return new JobError(
    `predict: a thread ended with code ${code} before it had answered; does the job's predict() or decode() call process.exit()?`,
    { cause: error },
  );
}

async function inThreads(
  { url, path, kernels, weights }: KnownJob,
  columns: NonNullable<ReturnType<typeof columnsGiven>>,
  { batch, workers }: { batch: number; workers: number },
): Promise<unknown[]> {
  requireSurroundings("predict");
  for (const x of weights.tensors.values()) x.dispose();
  const pool = await startThreads(url, workers);
  try {
    const { samples } = columns[0]!;
    const batches = Math.ceil(samples / batch);
    const perPiece = Math.max(1, Math.min(batchesOfPiece, Math.ceil(batches / workers)));
    const pieces = Array.from({ length: Math.ceil(batches / perPiece) }, (_, piece) => piece * perPiece);
    const results = await Promise.all(
      pieces.map((first) => {
        const slice = sliceColumns(columns, first * batch, Math.min(samples, (first + perPiece) * batch));
        return pool.run({ url, path, kernels, columns: slice, first, batch }, answering);
      }),
    );
    // In the order of the rows, so that it is always the same error that is thrown.
    return results.flatMap((result) => {
      if ("answers" in result) return result.answers;
      throw deserializeError(result.error);
    });
  } catch (error) {
    throw explainThread(error);
  } finally {
    await pool.destroy();
  }
}
