// A fully connected layer.
import { ValueError } from "../errors.ts";
import { rand } from "../ops/create.ts";
import { linear } from "../ops/matmul.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

export interface LinearOptions {
  /** Whether to add a bias; true if absent. */
  bias?: boolean;
}

/** `y = x weightᵀ + bias`: `x […,in]`, `weight [out,in]`, `bias [out]`, `y […,out]`. */
export class Linear extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | null;

  /** Initial values are uniform in ±1/√inputs, as in PyTorch. */
  constructor(inputs: number, outputs: number, options: LinearOptions = {}) {
    super();
    if (!(Number.isInteger(inputs) && Number.isInteger(outputs) && inputs > 0 && outputs > 0)) {
      throw new ValueError(`Linear: got ${inputs} inputs and ${outputs} outputs, expected positive integers`);
    }
    const bound = 1 / Math.sqrt(inputs);
    const draw = (shape: number[]) => rand(shape, { low: -bound, high: bound, requiresGrad: true }).keep();
    this.weight = draw([outputs, inputs]);
    this.bias = options.bias === false ? null : draw([outputs]);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
