// What threads that answer are sent, and what they send back. Types only.
import type { Columns } from "../data/dataset.ts";
import type { SerializedError } from "../errors.ts";
import type { RunKernels } from "../plan/run-kernels.ts";

/** Some batches to answer. */
export interface Piece {
  /** The job's module, and its weights. */
  url: string;
  path: string;
  kernels: RunKernels;
  columns: Columns;
  /** The number of the first batch, counted over all samples. */
  first: number;
  /** Samples in a batch. */
  batch: number;
}

export type PieceResult = { answers: unknown[] } | { error: SerializedError };
