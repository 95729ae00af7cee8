// What shards that train apart from each other have of their own in shared memory: weights (but for Hogwild), optimizer
// state, and what each of their steps brought since the last meeting. At a meeting the run's own arrays, which all else
// looks at, hold the averages of theirs. See local-steps.ts.
import { heap } from "@shardgrad/core/engine";
import type { Allocate } from "./allocate.ts";
import { blockCount } from "./slices.ts";

/** The addresses of a layout that a shard has for itself. */
interface ShardArrays {
  shards: number;
  flatSize: number;
  weights: number;
  average: number;
  gradients: number;
  state: readonly { name: string; address: number }[];
  squares: number;
  losses: number;
  shardWeights: number;
}

export interface LocalMemory {
  /** One flat array per shard; undefined if all shards update the run's weights. */
  weights: number | undefined;
  /** For each array of `Layout.state`, in that order: one flat array per shard. */
  state: number[];
  /** As `Layout.squares`, for each shard's gradient. */
  squares: number;
  /** As `Layout.losses` and `Layout.shardWeights`, of the step that a shard is in; those of the layout are sums since the last meeting. */
  losses: number;
  shardWeights: number;
  /** Three float64 per step since the last meeting and shard: loss times weight, weight, norm of the gradient. */
  steps: number;
}

const stepCells = 3;

/** Bytes of what a shard's step leaves until the next meeting. */
export const stepBytes = 8 * stepCells;

/** Lays it out for rounds of at most `steps` steps. */
export function planLocalMemory(
  { shards, flatSize, states }: { shards: number; flatSize: number; states: number },
  { steps, hogwild }: { steps: number; hogwild: boolean },
  allocate: Allocate,
): LocalMemory {
  const flatArrays = () => allocate(4 * flatSize * shards).offset;
  return {
    weights: hogwild ? undefined : flatArrays(),
    state: Array.from({ length: states }, flatArrays),
    squares: allocate(8 * blockCount(flatSize) * shards).offset,
    losses: allocate(8 * shards).offset,
    shardWeights: allocate(8 * shards).offset,
    steps: allocate(stepBytes * steps * shards).offset,
  };
}

/** One shard's part as a layout with a single shard, whose average is its own gradient. */
export function layoutOfShard<L extends ShardArrays>(layout: L, local: LocalMemory, shard: number): L {
  const { flatSize, state } = layout;
  const flatArray = (base: number) => base + 4 * flatSize * shard;
  const gradients = flatArray(layout.gradients);
  return {
    ...layout,
    shards: 1,
    weights: local.weights === undefined ? layout.weights : flatArray(local.weights),
    average: gradients,
    gradients,
    state: state.map(({ name }, index) => ({ name, address: flatArray(local.state[index]!) })),
    squares: local.squares + 8 * blockCount(flatSize) * shard,
    losses: local.losses + 8 * shard,
    shardWeights: local.shardWeights + 8 * shard,
  };
}

/** The arrays that are averaged at a meeting: all shards' one after another, and where the average goes. */
export function arraysToAverage(
  layout: Pick<ShardArrays, "weights" | "state">,
  local: LocalMemory,
): { own: number; average: number }[] {
  const states = layout.state.map(({ address }, index) => ({ own: local.state[index]!, average: address }));
  return local.weights === undefined ? states : [{ own: local.weights, average: layout.weights }, ...states];
}

/** What one shard brought in one step, or all of them together. */
export interface Brought {
  /** The mean loss times the weight. */
  loss: number;
  weight: number;
  /** NaN unless it was looked at. */
  gradNorm: number;
}

/** Notes what a shard brought in the `index`-th step since the last meeting. */
export function noteStep(
  { shards }: Pick<ShardArrays, "shards">,
  { steps }: LocalMemory,
  { index, shard }: { index: number; shard: number },
  { loss, weight, gradNorm }: Brought,
): void {
  heap().float64.set([loss, weight, gradNorm], steps / 8 + (index * shards + shard) * stepCells);
}

/** What all shards brought in that step, added in their order; the norm is the mean of theirs, by weight. */
export function sumOfStep(
  { shards }: Pick<ShardArrays, "shards">,
  { steps }: LocalMemory,
  index: number,
): Brought {
  const cells = heap().float64;
  const sum: Brought = { loss: 0, weight: 0, gradNorm: 0 };
  for (let shard = 0; shard < shards; shard++) {
    const at = steps / 8 + (index * shards + shard) * stepCells;
    const weight = cells[at + 1]!;
    if (weight === 0) continue;
    sum.loss += cells[at]!;
    sum.weight += weight;
    sum.gradNorm += cells[at + 2]! * weight;
  }
  return { ...sum, gradNorm: sum.gradNorm / sum.weight };
}
