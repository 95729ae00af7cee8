// Turns a job's dataset into the training set and the evaluated set, with columns in shared memory, described for
// workers. Main thread only.
import type { Storage } from "@shardgrad/core/engine";
import { blockSize } from "@shardgrad/core/engine";
import type { StoredColumns } from "../data/columns.ts";
import { batchDType, storeSet } from "../data/columns.ts";
import { fitRows } from "../data/fit-rows.ts";
import { resolveDataset } from "../data/resolve-dataset.ts";
import { holdOutOf, partsOf } from "../data/split.ts";
import { JobError } from "../errors.ts";
import type { Job, RunJob } from "../job/define-job.ts";
import { configureJob, holdOutFor } from "../job/define-job.ts";
import { testLoss } from "../metrics/definition.ts";
import type { Params } from "../params.ts";
import { HeapRoom } from "../plan/heap-room.ts";
import { makeRoomForData, requireRoomForOrder } from "../plan/run-memory.ts";
import { checkSampleWeight } from "../step/sample-weights.ts";

/**
 * The test set with its columns in the order of the training set's.
 *
 * @throws JobError if a required one is missing, or its columns differ from the training set's
 */
function matchTest(
  train: StoredColumns,
  test: StoredColumns | undefined,
  job: RunJob,
): StoredColumns | undefined {
  if (!test) {
    if (!Object.keys(job.metrics).some((name) => name !== testLoss)) return undefined;
    throw new JobError(
      "train: the job has metrics, but its dataset has no `test` columns to evaluate them on; add some, or hold samples out with `validation`",
    );
  }
  const order = train.columns.map(({ name }) => name);
  const place = ({ name }: StoredColumns["columns"][number]) => order.indexOf(name) + 1 || order.length + 1;
  const matched = { ...test, columns: test.columns.toSorted((a, b) => place(a) - place(b)) };
  const describe = ({ columns }: StoredColumns) =>
    columns.map((column) => `${column.name} ${batchDType(column)} [${column.shape.join(",")}]`).join(", ");
  if (describe(matched) !== describe(train)) {
    throw new JobError(
      `dataset: test columns are ${describe(matched)}, train columns ${describe(train)}; they must agree`,
    );
  }
  return matched;
}

/**
 * The columns of a job's dataset, or how to compute them, and its state. Rows become columns here: those that
 * `validation` holds out are held out before anything is learned.
 */
async function findColumns(defined: Job, { params, seed, saved }: Given) {
  const found = await resolveDataset(defined.dataset, params);
  if (!("rows" in found)) return { ...found, ...(saved && { state: saved.state }) };
  const validation = holdOutFor(defined, { params, state: undefined });
  return { ...fitRows(found, validation, seed, saved), validation, names: Object.keys(found.rows.train) };
}

interface Given {
  params: Params;
  seed: number;
  /** The state of an earlier run, with which rows become columns; else it is learned. */
  saved?: { state: unknown };
}

export interface PreparedData {
  job: RunJob;
  train: StoredColumns;
  test: StoredColumns | undefined;
  /** The names of the raw columns, if the data set is one of rows. */
  rows?: readonly string[];
}

/**
 * Stores the data, or describes how to compute it, and holds out the validation samples. Afterwards the job has the
 * whole context of its functions.
 *
 * @throws JobError if the sets are invalid, or do not match each other or the job; MemoryError if they do not fit
 */
export async function prepareData(
  defined: Job,
  given: Given,
  allocate: (bytes: number) => Storage,
  room = new HeapRoom(),
): Promise<PreparedData> {
  const dataset = await findColumns(defined, given);
  const { params, seed } = given;
  const fromRows = "names" in dataset ? dataset : undefined;
  const chosen = fromRows ? { ...defined, validation: fromRows.validation } : defined;
  const job = configureJob(chosen as Job, { params, state: dataset.state });
  const named = fromRows && { rows: fromRows.names };
  await makeRoomForData([dataset.train, dataset.test], room);
  let dataBytes = 0;
  const store = (bytes: number) => {
    dataBytes += blockSize(bytes);
    return allocate(bytes);
  };
  const set = storeSet("train", dataset.train, store);
  requireRoomForOrder(job, set.samples, dataBytes, room);
  if (job.sampleWeight !== undefined) checkSampleWeight(job.sampleWeight, set, job.augment !== undefined);
  if (job.validation === undefined) {
    const test = matchTest(set, dataset.test && storeSet("test", dataset.test, allocate), job);
    // Metrics are means weighted by these.
    if (test && job.sampleWeight !== undefined) checkSampleWeight(job.sampleWeight, test, false);
    return { job, train: set, test, ...named };
  }
  if (dataset.test) {
    throw new JobError(
      "train: the job has `validation`, and its dataset has `test` columns; leave one of them out: there is one set to evaluate",
    );
  }
  const held = fromRows?.held;
  const parts = held ? partsOf(set, held, allocate) : holdOutOf(set, job.validation, seed, allocate);
  return { job, ...parts, ...named };
}
