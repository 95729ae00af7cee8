// An exponential moving average of weights, which often predicts better than the last weights. Like an optimizer it can
// update any range of any parameter, so that threads can share the work.

import { kindOf } from "../arguments.ts";
import { bytesPerElement } from "../dtype.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { trainingKernels } from "../kernels/families.ts";
import { hostStep, outsideOfCapture } from "../observer.ts";
import { checkOptions, optionNames } from "../options.ts";
import { requireTensor } from "../require-tensor.ts";
import { formatShape, sameShape } from "../shape.ts";
import { copyStrided } from "../strided-copy.ts";
import { Tensor } from "../tensor.ts";
import { requireSameKind, requireStretch } from "./stretch.ts";

/** Options of `EMA`. */
export interface EMAOptions {
  /** The share of the average to keep, or a function of the number of updates so far; default 0.999. */
  decay?: number | ((updates: number) => number);
}

const emaOptions = optionNames<EMAOptions>({ decay: true });

/**
 * `average ← decay · average + (1 - decay) w`; the first update copies the weights (PyTorch's `AveragedModel` with
 * `get_ema_multi_avg_fn`). Polyak and Juditsky 1992. Before the first update the averages are the initial weights. The
 * average of a frozen parameter is exactly the parameter, without rounding.
 */
export class EMA {
  readonly parameters: readonly Tensor[];
  /** One tensor per parameter, of its shape and dtype. */
  readonly averages: readonly Tensor[];
  /** Updates done so far. */
  updates = 0;
  /** The share of the average that each update keeps, as in the options. */
  readonly decay: number | ((updates: number) => number);
  readonly #cells = new Map<string, Tensor>();

  /** @throws ValueError if there are no parameters, or the decay is not in [0, 1] */
  constructor(parameters: readonly Tensor[], options: EMAOptions = {}) {
    checkOptions("EMA", options, emaOptions);
    if (!Array.isArray(parameters)) {
      throw new ValueError(
        `EMA: got ${kindOf(parameters)} in place of parameters, expected an array of tensors, such as model.parameters()`,
      );
    }
    parameters.forEach((parameter, index) => {
      requireTensor("EMA", parameter, `parameter ${index}`);
    });
    if (parameters.length === 0) throw new ValueError("EMA: got no parameters; pass model.parameters()");
    this.parameters = parameters;
    this.decay = options.decay ?? 0.999;
    this.#decayAt(0);
    this.averages = parameters.map((parameter) => {
      const average = Tensor.allocate(parameter.shape, parameter.dtype, "EMA").keep();
      copyStrided(parameter, average);
      return average;
    });
  }

  /** Updates the averages with the current weights. */
  update(): void {
    this.advance();
    this.parameters.forEach((parameter, index) => {
      this.updateRange(index, 0, parameter.size);
    });
  }

  /** Begins the next update: counts it, and writes the decay where the kernel reads it. */
  advance(): void {
    hostStep("advance EMA", () => {
      this.updates++;
      for (const cells of this.#cells.values()) this.#writeCells(cells);
    });
  }

  /** Updates elements `from` to `to` of average `index`. Elements are independent. */
  updateRange(index: number, from: number, to: number): void {
    const parameter = requireStretch("EMA", this.parameters, index, from, to);
    requireSameKind("EMA", this.averages[index]!, parameter);
    const start = from * bytesPerElement[parameter.dtype];
    const average = this.averages[index]!.address + start;
    trainingKernels(parameter.dtype).ema(
      to - from,
      parameter.address + start,
      average,
      this.#cellsFor(parameter),
    );
  }

  /** Swaps weights and averages, bit for bit: call it once before an evaluation, and again after it. */
  swap(): void {
    this.parameters.forEach((parameter, index) => {
      requireSameKind("EMA", this.averages[index]!, parameter);
    });
    this.parameters.forEach((parameter, index) => {
      const weights = parameter.data();
      const averages = this.averages[index]!.data();
      const before = weights.slice();
      weights.set(averages);
      averages.set(before);
    });
  }

  /** Its whole state; the tensors are its own, not copies. */
  stateDict(): { updates: number; averages: readonly Tensor[] } {
    return { updates: this.updates, averages: this.averages };
  }

  /**
   * Loads the result of `stateDict`; copies the tensors. If it throws, nothing changes.
   *
   * @throws ValueError, ShapeError if it does not match the parameters
   */
  loadStateDict({ updates, averages }: { updates: number; averages: readonly Tensor[] }): void {
    if (!(Number.isSafeInteger(updates) && updates >= 0)) {
      throw new ValueError(`EMA: updates is ${updates}, expected an integer of at least 0`);
    }
    if (averages.length !== this.averages.length) {
      throw new ValueError(`EMA: got ${averages.length} averages, expected ${this.averages.length}`);
    }
    averages.forEach(({ shape, dtype }, index) => {
      const own = this.averages[index]!;
      if (!sameShape(shape, own.shape) || dtype !== own.dtype) {
        throw new ShapeError(
          `EMA: average ${index} is ${formatShape(shape)} ${dtype}, expected ${formatShape(own.shape)} ${own.dtype}`,
        );
      }
    });
    this.updates = updates;
    averages.forEach((average, index) => {
      this.averages[index]!.copyFrom(average);
    });
    for (const cells of this.#cells.values()) this.#writeCells(cells);
  }

  #decayAt(updates: number): number {
    const decay = typeof this.decay === "function" ? this.decay(updates) : this.decay;
    if (!(decay >= 0 && decay <= 1))
      throw new ValueError(`EMA: decay is ${decay}, expected a number from 0 to 1`);
    return decay;
  }

  /** Decay and 1 - decay for the current update; and, for frozen parameters, 0 and 1. */
  #writeCells(cells: Tensor): void {
    const decay = this.updates <= 1 ? 0 : this.#decayAt(this.updates - 1);
    cells.data().set([decay, 1 - decay, 0, 1]);
  }

  #cellsFor({ dtype, frozen }: Tensor): number {
    let cells = this.#cells.get(dtype);
    if (!cells) {
      cells = outsideOfCapture(() => {
        const made = Tensor.allocate([4], dtype, "EMA").keep();
        this.#writeCells(made);
        return made;
      });
      this.#cells.set(dtype, cells);
    }
    return cells.address + (frozen ? 2 * bytesPerElement[dtype] : 0);
  }
}
