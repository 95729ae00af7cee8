// What all optimizers share: their parameters, their state, and stepping over any stretch of the parameters, which
// is what lets several threads share one update.

import { bytesPerElement } from "../dtype.ts";
import { GradientError, ValueError } from "../errors.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import type { Kernels } from "../kernels/table.ts";
import { Tensor } from "../tensor.ts";

/** The state of one parameter: tensors of its shape by name, such as `velocity`. */
export type ParameterState = Readonly<Record<string, Tensor>>;

export abstract class Optimizer {
  readonly parameters: readonly Tensor[];
  /** State tensors, one record per parameter, all zero at the start. */
  readonly state: readonly ParameterState[];
  /** Updates done so far. */
  stepCount = 0;
  /** Learning rate; may be changed between steps. */
  lr: number;

  constructor(parameters: readonly Tensor[], lr: number, stateNames: readonly string[]) {
    if (parameters.length === 0) {
      throw new ValueError("optimizer: got no parameters; pass model.parameters()");
    }
    parameters.forEach(({ shape, contiguous }, index) => {
      if (contiguous) return;
      throw new ValueError(
        `optimizer: parameter ${index} (shape [${shape.join(",")}]) is a view that is not contiguous, expected a tensor of its own`,
      );
    });
    requireAtLeast("lr", lr, 0);
    this.parameters = parameters;
    this.lr = lr;
    this.state = parameters.map((parameter) =>
      Object.fromEntries(stateNames.map((name) => [name, zerosLike(parameter).keep()])),
    );
  }

  /**
   * Updates every parameter from its `.grad`.
   *
   * @throws GradientError if a parameter has no gradient
   */
  step(): void {
    this.advance();
    this.parameters.forEach((parameter, index) => {
      this.update(index, 0, parameter.size);
    });
  }

  /** Begins the next step: counts it and writes what changes from step to step where the kernels read it. */
  advance(): void {
    this.stepCount++;
    this.prepare();
  }

  /** Updates elements `from` to `to` of parameter `index`. Elements do not depend on each other. */
  update(index: number, from: number, to: number): void {
    const parameter = this.parameters[index]!;
    if (!parameter.grad) {
      throw new GradientError(
        `step: parameter ${index} (shape [${parameter.shape.join(",")}]) has no gradient; call backward first`,
      );
    }
    const start = from * bytesPerElement[parameter.dtype];
    this.apply(
      kernelsFor(parameter.dtype),
      to - from,
      parameter.address + start,
      parameter.grad.address + start,
      Object.values(this.state[index]!).map((tensor) => tensor.address + start),
      this.cells(parameter).address,
    );
  }

  /** Forgets the gradients, so that the next `backward` starts afresh. */
  zeroGrad(): void {
    for (const parameter of this.parameters) {
      parameter.grad?.dispose();
      parameter.grad = null;
    }
  }

  readonly #cells = new Map<string, Tensor>();

  /** The numbers that a kernel reads besides tensors, in the dtype of the parameter. */
  protected cells(parameter: Tensor): Tensor {
    const { dtype } = parameter;
    const cells = this.#cells.get(dtype) ?? Tensor.allocate([8], dtype, "optimizer").keep();
    if (!this.#cells.has(dtype)) {
      this.#cells.set(dtype, cells);
      cells.copyFrom(this.cellValues());
    }
    return cells;
  }

  private prepare(): void {
    for (const cells of this.#cells.values()) cells.copyFrom(this.cellValues());
  }

  /** Eight numbers for the kernel, for the current step. */
  protected abstract cellValues(): number[];

  /** Calls the kernel on `n` elements at the given addresses. */
  protected abstract apply(
    kernels: Kernels,
    n: number,
    w: number,
    g: number,
    state: readonly number[],
    cells: number,
  ): void;
}

function zerosLike(x: Tensor): Tensor {
  const y = Tensor.allocate(x.shape, x.dtype, "optimizer");
  kernelsFor(x.dtype).fill(x.size, 0, y.address);
  return y;
}

/** Throws unless `value` is a finite number of at least `least`. */
export function requireAtLeast(name: string, value: number, least: number): void {
  if (!(Number.isFinite(value) && value >= least)) {
    throw new ValueError(`optimizer: ${name} is ${value}, expected a number of at least ${least}`);
  }
}

/** Throws unless `value` is in [0, 1). */
export function requireFraction(name: string, value: number): void {
  if (!(value >= 0 && value < 1)) {
    throw new ValueError(`optimizer: ${name} is ${value}, expected a number from 0 to below 1`);
  }
}
