// The shared memory of shards that train separately. Each has its own weights (except with Hogwild), optimizer state,
// and step records since the last synchronization. A synchronization puts the averages into the run's own arrays, which
// everything else reads. See local-steps.ts.
import { foldPairwise } from "@shardgrad/core/engine";
import type { Allocate } from "../tables/allocate.ts";
import type { Float64Table } from "../tables/float64-table.ts";
import { partOf, planTable, readCell, tableBytes, writeCell } from "../tables/float64-table.ts";
import type { GradientSlots } from "./gradient-slots.ts";
import { planSlots } from "./gradient-slots.ts";
import { alone } from "./machines.ts";
import { blockCount } from "./slices.ts";

/** A shard's own part of a layout. */
interface ShardArrays {
  shards: number;
  flatSize: number;
  weights: number;
  average: number;
  gradients: number;
  slots: GradientSlots;
  state: readonly { name: string; address: number }[];
  squares: Float64Table;
  losses: Float64Table;
  shardWeights: Float64Table;
}

export interface LocalMemory {
  /** One flat array per shard of this machine, in the order of `Layout.slots`; undefined if all shards update the run's weights. */
  weights: number | undefined;
  /** For each array of `Layout.state`, in that order: the same. */
  state: number[];
  /** As `Layout.squares`, for each shard's gradient, one after another. */
  squares: Float64Table;
  /**
   * Like `Layout.losses` and `Layout.shardWeights`, for a shard's current step; the layout holds sums since the last
   * synchronization.
   */
  losses: Float64Table;
  shardWeights: Float64Table;
  /** A row per step since the last synchronization, shard by shard: loss times weight, weight, norm of the gradient. */
  steps: Float64Table;
}

const columns = { loss: 0, weight: 1, gradNorm: 2 } as const satisfies Record<keyof Brought, number>;

const stepColumns = Object.keys(columns).length;

/** Bytes of a shard's step records until the next synchronization. */
export const stepBytes = tableBytes(1, stepColumns);

/** Lays it out for rounds of at most `steps` steps; `slots` shards are of this machine. */
export function planLocalMemory(
  { shards, slots, flatSize, states }: { shards: number; slots: number; flatSize: number; states: number },
  { steps, hogwild }: { steps: number; hogwild: boolean },
  allocate: Allocate,
): LocalMemory {
  const flatArrays = () => allocate(4 * flatSize * slots).offset;
  return {
    weights: hogwild ? undefined : flatArrays(),
    state: Array.from({ length: states }, flatArrays),
    squares: planTable(allocate, blockCount(flatSize) * slots, 1),
    losses: planTable(allocate, shards, 1),
    shardWeights: planTable(allocate, shards, 1),
    steps: planTable(allocate, steps * shards, stepColumns),
  };
}

/** One shard's part as a layout with a single shard, whose average is its own gradient. */
export function layoutOfShard<L extends ShardArrays>(layout: L, local: LocalMemory, shard: number): L {
  const { flatSize, state } = layout;
  const slot = layout.slots.slotOf[shard]!;
  const flatArray = (base: number) => base + 4 * flatSize * slot;
  const gradients = flatArray(layout.gradients);
  const blocks = blockCount(flatSize);
  return {
    ...layout,
    shards: 1,
    slots: planSlots(1, alone(1), false),
    weights: local.weights === undefined ? layout.weights : flatArray(local.weights),
    average: gradients,
    gradients,
    state: state.map(({ name }, index) => ({ name, address: flatArray(local.state[index]!) })),
    squares: partOf(local.squares, blocks * slot, blocks),
    losses: partOf(local.losses, shard, 1),
    shardWeights: partOf(local.shardWeights, shard, 1),
  };
}

/** The arrays that a synchronization averages: all shards' one after another, and where the average goes. */
export function arraysToAverage(
  layout: Pick<ShardArrays, "weights" | "state">,
  local: LocalMemory,
): { own: number; average: number }[] {
  const states = layout.state.map(({ address }, index) => ({ own: local.state[index]!, average: address }));
  return local.weights === undefined ? states : [{ own: local.weights, average: layout.weights }, ...states];
}

/** The record of one step: of a shard, or of all shards together. */
export interface Brought {
  /** The mean loss times the weight. */
  loss: number;
  weight: number;
  /** NaN unless it was measured. */
  gradNorm: number;
}

/** Records a shard's `index`-th step since the last synchronization. */
export function noteStep(
  { shards }: Pick<ShardArrays, "shards">,
  { steps }: LocalMemory,
  { index, shard }: { index: number; shard: number },
  { loss, weight, gradNorm }: Brought,
): void {
  const row = index * shards + shard;
  writeCell(steps, row, columns.loss, loss);
  writeCell(steps, row, columns.weight, weight);
  writeCell(steps, row, columns.gradNorm, gradNorm);
}

/** What all shards brought in that step, added pairwise; the norm is the mean of theirs, by weight. */
export function sumOfStep(
  { shards }: Pick<ShardArrays, "shards">,
  { steps }: LocalMemory,
  index: number,
): Brought {
  const at = (shard: number): Brought | undefined => {
    const row = index * shards + shard;
    const weight = readCell(steps, row, columns.weight);
    if (weight === 0) return undefined;
    const gradNorm = readCell(steps, row, columns.gradNorm) * weight;
    return { loss: readCell(steps, row, columns.loss), weight, gradNorm };
  };
  const sum = foldPairwise(0, shards, at, (left, right) => ({
    loss: left.loss + right.loss,
    weight: left.weight + right.weight,
    gradNorm: left.gradNorm + right.gradNorm,
  })) ?? { loss: 0, weight: 0, gradNorm: 0 };
  return { ...sum, gradNorm: sum.gradNorm / sum.weight };
}
