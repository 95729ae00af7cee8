// Where a run is, as tensors: cells that a loss may compute with, and that passes which are replayed find changed.
import { Tensor } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";

export class RunPlace {
  readonly step = Tensor.allocate([], "int32", "step").keep();
  readonly epoch = Tensor.allocate([], "int32", "epoch").keep();

  constructor() {
    this.set(0, 0);
  }

  /** Steps and epochs that are done. */
  set(step: number, epoch: number): void {
    const { int32 } = heap();
    int32[this.step.address / 4] = step;
    int32[this.epoch.address / 4] = epoch;
  }

  dispose(): void {
    this.step.dispose();
    this.epoch.dispose();
  }
}
