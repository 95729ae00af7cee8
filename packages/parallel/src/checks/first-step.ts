// Checks the shards of a run's first step, once. Every worker must still have the parameters of the layout, and every
// shard's loss must depend on the same ones. It also finds parameters that no loss depends on. Each worker reaches the
// same answers, from a shared table of one byte per shard and parameter.

import type { AnyModule, Optimizer, Tensor } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import { JobError } from "../errors.ts";
import { trainedTensors } from "../shared/arrays/untrained.ts";
import type { Layout } from "../shared/layout.ts";
import { readCell } from "../shared/tables/float64-table.ts";

/** Records for one shard which parameters its loss depends on: those that got a gradient. */
export function noteReached(layout: Layout, shard: number, found: readonly (Tensor | null)[]): void {
  const { reached, parameters } = layout;
  const bytes = heap().uint8;
  found.forEach((gradient, index) => {
    bytes[reached + shard * parameters.length + index] = gradient === null ? 0 : 1;
  });
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 5).join(", ");
  return names.length > 5 ? `${shown} and ${names.length - 5} more` : shown;
}

/** The numbers of the parameters that a shard's loss depends on. */
function rowOf({ reached, parameters }: Layout, shard: number): Uint8Array {
  const start = reached + shard * parameters.length;
  return heap().uint8.subarray(start, start + parameters.length);
}

/**
 * Compares the shards of the first step.
 *
 * @returns names of parameters that want a gradient and got none
 * @throws JobError if graphs differ, or this worker's model has gained other parameters
 */
export function checkFirstStep(layout: Layout, model: AnyModule): string[] {
  const named = trainedTensors(model);
  const names = (places: readonly { name: string; shape: readonly number[] }[]) =>
    places.map(({ name, shape }) => `${name} [${shape.join(",")}]`);
  const before = names(layout.parameters);
  const now = names(named.map(([name, { shape }]) => ({ name, shape })));
  if (before.join() !== now.join()) {
    const other = [
      ...now.filter((name) => !before.includes(name)),
      ...before.filter((name) => !now.includes(name)),
    ];
    throw new JobError(
      `train: the first pass changed the model's parameters (${list(other)}); make all of them in model(), before training`,
    );
  }
  const shards = [...Array(layout.shards).keys()].filter(
    (shard) => readCell(layout.shardWeights, shard, 0) !== 0,
  );
  const first = rowOf(layout, shards[0]!);
  for (const shard of shards.slice(1)) {
    const differing = layout.parameters.filter((_, i) => rowOf(layout, shard)[i] !== first[i]);
    if (differing.length === 0) continue;
    throw new JobError(
      `train: step 1 has different graphs: ${list(differing.map(({ name }) => name))} got a gradient from only one of shard ${shards[0]} and shard ${shard}; the loss must use the same parameters on every thread and for all samples: add 0 * sum(…) of what it leaves out`,
    );
  }
  return named.flatMap(([name], i) => (first[i] === 0 ? [name] : []));
}

/**
 * Describes how an optimizer updates, as text that two threads share only if its settings are equal. A schedule is
 * described by its start. Past updates do not count.
 */
export function describeOptimizer(optimizer: Optimizer): string {
  let next = 0;
  const groups = optimizer.paramGroups.map(({ params, ...options }) => {
    const numbers = params.map(() => next++).join(" ");
    const settings = Object.entries(options).map(([name, value]) => {
      const text = typeof value === "function" ? `from ${String(value(0))}` : String(value);
      return `${name} ${text}`;
    });
    return `parameters ${numbers}: ${settings.join(", ")}`;
  });
  return `${optimizer.name} (${groups.join("; ")})`;
}

/** @throws JobError if this thread's optimizer differs from the main thread's, which `describeOptimizer` described */
export function checkOptimizer(optimizer: Optimizer, expected: string): void {
  const own = describeOptimizer(optimizer);
  if (own === expected) return;
  throw new JobError(
    `train: optimizer() built ${own} on this thread, but ${expected} on the main thread; it must not depend on the thread`,
  );
}
