// An optimizer whose update is a kernel call, so that it can be recorded and replayed. Everything that changes from
// step to step, such as the learning rate, is written where the kernel reads it.

import { bytesPerElement } from "../dtype.ts";
import { optimizerKernels } from "../kernels/families.ts";
import type { OptimizerKernels } from "../kernels/table/optimizers.ts";
import { heap } from "../memory/heap.ts";
import { outsideOfCapture } from "../observer.ts";
import { Tensor } from "../tensor.ts";
import type { OptimizerGroup, OptimizerOptions } from "./groups.ts";
import { Optimizer } from "./optimizer.ts";

/** Room for the numbers that one kernel call reads: a cache line of float32. */
const cellCount = 16;

/** State tensors are in the order of the kernel's arguments. */
export abstract class KernelOptimizer<
  Options extends OptimizerOptions = OptimizerOptions,
> extends Optimizer<Options> {
  /** For each group, by dtype. */
  readonly #cells: readonly Map<string, Tensor>[] = this.paramGroups.map(() => new Map());

  update(index: number, from: number, to: number): void {
    const { parameter, gradient, slot } = this.lookUp(index, from, to);
    const start = from * bytesPerElement[parameter.dtype];
    this.apply(
      optimizerKernels(parameter.dtype),
      to - from,
      parameter.address + start,
      gradient.address + start,
      slot.state.map(([, tensor]) => (tensor ? tensor.address + start : 0)),
      this.#cellsFor(slot.group, parameter).address,
    );
  }

  /** What the kernel reads besides tensors in the current step: at most sixteen numbers. */
  protected abstract cellValues(group: OptimizerGroup<Options>, lr: number): readonly number[];

  /** Calls the kernel on `n` elements at the given addresses; an absent state has address 0. */
  protected abstract apply(
    kernels: OptimizerKernels,
    n: number,
    w: number,
    g: number,
    state: readonly number[],
    cells: number,
  ): void;

  protected override prepare(): void {
    this.#cells.forEach((byType, index) => {
      for (const cells of byType.values()) this.#writeCells(cells, this.paramGroups[index]!);
    });
  }

  #cellsFor(group: number, { dtype }: Tensor): Tensor {
    const byType = this.#cells[group]!;
    let cells = byType.get(dtype);
    if (!cells) {
      cells = outsideOfCapture(() => {
        const made = Tensor.allocate([cellCount], dtype, "optimizer").keep();
        this.#writeCells(made, this.paramGroups[group]!);
        return made;
      });
      byType.set(dtype, cells);
    }
    return cells;
  }

  #writeCells(cells: Tensor, group: OptimizerGroup<Options>): void {
    const numbers = heap()[cells.dtype];
    let at = cells.address / bytesPerElement[cells.dtype];
    for (const value of this.cellValues(group, this.learningRate(group))) numbers[at++] = value;
  }
}
