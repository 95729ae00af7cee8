// The position of a run, as tensors: a loss may compute with these cells, and replayed passes see them change.
import { Tensor } from "@shardgrad/core";

export class RunPlace {
  readonly step = Tensor.allocate([], "int32", "step").keep();
  readonly epoch = Tensor.allocate([], "int32", "epoch").keep();

  constructor() {
    this.set(0, 0);
  }

  /** Steps and epochs done. */
  set(step: number, epoch: number): void {
    this.step.data()[0] = step;
    this.epoch.data()[0] = epoch;
  }

  dispose(): void {
    this.step.dispose();
    this.epoch.dispose();
  }
}
