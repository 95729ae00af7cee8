// What a recording consists of: steps, the tensors that they were about to use, and the blocks that these lived in.
import type { Exchange } from "../observer.ts";
import type { Tensor } from "../tensor.ts";

/** A kernel call, or a host step, which has no arguments. */
export interface RecordedStep {
  readonly name: string;
  readonly run: (...args: number[]) => unknown;
  readonly args: readonly number[];
  readonly isKernel: boolean;
  /** The exchange with other shards at this step, if there is one. */
  readonly exchange?: Exchange;
}

/** A tensor, and the number of steps recorded when it was about to be used. */
export interface Use {
  readonly steps: number;
  readonly address: number;
  readonly x: Pick<Tensor, "shape" | "dtype">;
}

/** A block of the plan, from its allocation to the next one at the same place. */
export interface Allocation {
  /** The number of steps when it was allocated. */
  readonly steps: number;
  readonly offset: number;
  readonly bytes: number;
  /** Whether it was freed while the step was recorded. Otherwise somebody holds it, and may read it. */
  freed: boolean;
}
