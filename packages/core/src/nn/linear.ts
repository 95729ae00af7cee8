// A fully connected layer.

import { kindOf } from "../arguments.ts";
import { ValueError } from "../errors.ts";
import { zeros } from "../ops/create/create.ts";
import { linear } from "../ops/linear-algebra/matmul.ts";
import { checkOptions, optionNames } from "../options.ts";
import type { Tensor } from "../tensor.ts";
import * as init from "./init.ts";
import { Module, parameter } from "./module.ts";

/** Throws unless all sizes of a layer are positive integers. */
export function requireSizes(layer: string, sizes: Readonly<Record<string, number>>): void {
  for (const [name, size] of Object.entries(sizes)) {
    if (!(Number.isSafeInteger(size) && size > 0)) {
      throw new ValueError(`${layer}: ${name} is ${kindOf(size)}, expected a positive integer`);
    }
  }
}

/** Options of PyTorch's layers that these do not have. */
export const layerInstead = { dtype: "layers are float32; double() makes them float64" };

/** Options of `Linear`. */
export interface LinearOptions {
  /** Whether to add a bias; default true. */
  bias?: boolean;
}

const linearOptions = optionNames<LinearOptions>({ bias: true }, layerInstead);

/** `y = x weightᵀ + bias`: `x […,in]`, `weight [out,in]`, `bias [out]`, `y […,out]`. */
export class Linear extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | null;

  /** Initial values are uniform in ±1/√inputs, as in PyTorch. */
  constructor(inputs: number, outputs: number, options: LinearOptions = {}) {
    super();
    checkOptions("Linear", options, linearOptions);
    requireSizes("Linear", { inputs, outputs });
    const bound = 1 / Math.sqrt(inputs);
    const draw = (shape: number[]) => init.uniform(parameter(zeros(shape)), -bound, bound);
    this.weight = draw([outputs, inputs]);
    this.bias = options.bias === false ? null : draw([outputs]);
  }

  forward(x: Tensor): Tensor {
    return linear(x, this.weight, this.bias);
  }
}
