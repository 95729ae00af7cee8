// Loads the sets that a job names: columns, computed sets, or rows. Main thread only.
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "../check-parts.ts";
import { JobError } from "../errors.ts";
import type { Params } from "../params.ts";
import { takeState } from "../state.ts";
import { isComputed } from "./computed.ts";
import type { FoundSet, Part } from "./dataset.ts";
import type { FoundRows } from "./fitted.ts";
import { findRows, isFitted } from "./fitted.ts";

/** What a job's dataset comes to: columns with their state, or rows, from which both are made. */
export type FoundDataset = { train: FoundSet; test?: FoundSet; state: unknown } | FoundRows;

async function call(what: string, load: () => unknown): Promise<unknown> {
  try {
    return await load();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new JobError(`train: the job's ${what}() failed: ${message}`, { cause: error });
  }
}

async function findPart(part: Part, value: unknown, loaded: boolean, params: Params): Promise<FoundSet> {
  const byFunction = loaded || typeof value === "function";
  const load = value as (context: { params: Params }) => unknown;
  const set = typeof value === "function" ? await call(`dataset.${part}`, () => load({ params })) : value;
  if (typeof set !== "object" || set === null) {
    throw new JobError(
      `train: the job's dataset has no \`${part}\` columns; expected { train: { … }, test: { … } }`,
    );
  }
  if (byFunction && isComputed(set)) {
    throw new JobError(
      `dataset: ${part} is computed, but a function returned it, and workers do not call that; write dataset: { ${part}: computed({ … }) }`,
    );
  }
  return set as FoundSet;
}

const datasetParts = optionNames<{ train: unknown; test: unknown; state: unknown }>(
  { train: true, test: true, state: true },
  {
    validation:
      "the set to evaluate is called test here; or give the job validation, to hold samples of train out",
    valid: "the set to evaluate is called test here",
    val: "the set to evaluate is called test here",
  },
);

/**
 * Loads the sets that a job names, and their state. Main thread only.
 *
 * @throws JobError if there is no training set, a function fails, or the state is not plain data
 */
export async function resolveDataset(dataset: unknown, params: Params = {}): Promise<FoundDataset> {
  const loaded = typeof dataset === "function";
  const found = loaded ? await call("dataset", () => dataset({ params })) : dataset;
  if (isFitted(found)) return await findRows(found, (what, load) => call(`dataset.${what}`, load));
  const parts = found as (Partial<Record<Part, unknown>> & { state?: unknown }) | undefined;
  const train = await findPart("train", parts?.train, loaded, params);
  checkParts("dataset", parts, datasetParts);
  const test = parts?.test === undefined ? {} : { test: await findPart("test", parts.test, loaded, params) };
  return { train, ...test, state: takeState(parts?.state) };
}
