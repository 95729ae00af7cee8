// The shared memory of a simulated run: weights of which every bit depends on all steps before, in the right order; the
// control words and the slots for snapshots are the product's own.
import type { Storage } from "@shardgrad/core/engine";
import { heap } from "@shardgrad/core/engine";
import { Control, controlBytes } from "../src/shared/control.ts";
import type { SnapshotPlan } from "../src/shared/snapshots.ts";
import { planSnapshots } from "../src/shared/snapshots.ts";

export const shards = 4;
export const perEpoch = 3;
const elements = 128;

export interface SimulatedMemory {
  control: Control;
  plan: SnapshotPlan;
  weights: Float32Array;
  gradients: Float64Array;
  /** Of each epoch. */
  records: number[];
  gradientOf(step: number, shard: number, weights: Float32Array): number;
  /** One optimizer step over some of the weights. */
  update(from: number, to: number, sum: number): void;
  weightsIn(slot: number): number[];
}

/** Depends on the weights of the whole model, so that torn ones are seen. */
function gradientOf(step: number, shard: number, weights: Float32Array): number {
  let sum = 0;
  for (let i = shard; i < weights.length; i += shards) sum += weights[i]! * ((i % 7) + 1);
  return Math.fround(Math.sin(sum + step * 1.7 + shard));
}

function updateOf(weights: Float32Array, from: number, to: number, sum: number): void {
  for (let i = from; i < to; i++) weights[i] = weights[i]! * 0.9 + sum * Math.cos(i);
}

/** `snapshotEvery` is 2, checkpoints come every 3 steps, and of the best epoch if there is to be one. */
export function simulateMemory(
  { workers, best }: { workers: number; best: boolean },
  allocate: (bytes: number) => Storage,
): SimulatedMemory {
  const weightsAt = allocate(elements * 4).offset;
  const gradientsAt = allocate(shards * 8).offset;
  const words = allocate(controlBytes(workers)).offset;
  const control = new Control(heap().int32, words);
  control.reset(workers);
  const layout = { weights: weightsAt, state: [], ema: undefined, flatSize: elements };
  const untrained = { address: 0, bytes: 0, changingBytes: 0, places: [] };
  const schedule = { recovery: 2, checkpoints: [3], bestOfEvery: best ? perEpoch : undefined };
  const plan = planSnapshots({ ...layout, untrained } as never, schedule, allocate)!;
  const floats = (address: number) => heap().float32.subarray(address / 4, address / 4 + elements);
  const weights = floats(weightsAt).fill(0);
  return {
    control,
    plan,
    weights,
    gradients: heap()
      .float64.subarray(gradientsAt / 8, gradientsAt / 8 + shards)
      .fill(0),
    records: [],
    gradientOf,
    update: (from, to, sum) => updateOf(weights, from, to, sum),
    weightsIn: (slot) => [...floats(plan.slots[slot]!)],
  };
}

/** Weights after 0, 1, 2, … steps, and the sums of each epoch: of a run without workers, in which nothing happens. */
export function withoutWorkers(steps: number): { weights: number[][]; sums: number[] } {
  const weights = new Float32Array(elements);
  const after = [[...weights]];
  const sums: number[] = [];
  for (let step = 0; step < steps; step++) {
    let sum = 0;
    for (let shard = 0; shard < shards; shard++) sum += gradientOf(step, shard, weights);
    updateOf(weights, 0, elements, sum);
    after.push([...weights]);
    sums.push(sum);
  }
  return { weights: after, sums };
}
