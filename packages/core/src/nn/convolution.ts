// Convolutional layers.

import { ValueError } from "../errors.ts";
import type { Conv1dOptions, Conv2dOptions } from "../ops/convolution/convolution.ts";
import {
  conv1d,
  conv2d,
  convolutionInstead,
  convolutionOptionNames,
} from "../ops/convolution/convolution.ts";
import type { Pair } from "../ops/convolution/windows.ts";
import { pairOf } from "../ops/convolution/windows.ts";
import { zeros } from "../ops/create/create.ts";
import { checkOptions, optionNames } from "../options.ts";
import type { Shape } from "../shape.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import * as init from "./init.ts";
import { layerInstead, requireSizes } from "./linear.ts";
import { Module, parameter } from "./module.ts";

/** Options of `Conv1d`: those of `conv1d`, and whether it has a bias. */
export interface Conv1dLayerOptions extends Conv1dOptions {
  /** Whether to add a bias; default true. */
  bias?: boolean;
}

/** Options of `Conv2d`: those of `conv2d`, and whether it has a bias. */
export interface Conv2dLayerOptions extends Conv2dOptions {
  /** Whether to add a bias; default true. */
  bias?: boolean;
}

const layerOptionNames = { ...convolutionOptionNames, bias: true } as const;
const instead = { ...convolutionInstead, ...layerInstead };
const conv1dLayerOptions = optionNames<Conv1dLayerOptions>(layerOptionNames, instead);
const conv2dLayerOptions = optionNames<Conv2dLayerOptions>(layerOptionNames, instead);

/** Weight and bias, uniform in ±1/√(inputs per output), as in PyTorch (kaiming_uniform with a = √5). */
function initialValues(
  layer: string,
  inputs: number,
  outputs: number,
  kernel: Shape,
  options: Conv1dLayerOptions | Conv2dLayerOptions,
): { weight: Tensor; bias: Tensor | null } {
  const { groups = 1 } = options;
  requireSizes(layer, { inputs, outputs, groups });
  if (inputs % groups !== 0 || outputs % groups !== 0) {
    throw new ValueError(
      `${layer}: ${inputs} inputs and ${outputs} outputs cannot be divided into ${groups} groups; both must be multiples of it`,
    );
  }
  const shape = [outputs, inputs / groups, ...kernel];
  const bound = 1 / Math.sqrt(sizeOf(shape.slice(1)));
  const draw = (size: Shape) => init.uniform(parameter(zeros(size)), -bound, bound);
  return { weight: draw(shape), bias: options.bias === false ? null : draw([outputs]) };
}

/** Convolution along one axis: `x [n,inputs,l]`, `weight [outputs,inputs/groups,k]`, `bias [outputs]`, `y [n,outputs,ol]`. */
export class Conv1d extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly options: Readonly<Conv1dOptions>;

  constructor(inputs: number, outputs: number, kernelSize: number, options: Conv1dLayerOptions = {}) {
    super();
    checkOptions("Conv1d", options, conv1dLayerOptions);
    const [, size] = pairOf("Conv1d", "kernelSize", [1, kernelSize], 1);
    const { bias: biased, ...convolution } = options;
    const { weight, bias } = initialValues("Conv1d", inputs, outputs, [size], options);
    this.weight = weight;
    this.bias = bias;
    this.options = convolution;
  }

  forward(x: Tensor): Tensor {
    return conv1d(x, this.weight, this.bias, this.options);
  }
}

/**
 * Convolution of images: `x [n,inputs,h,w]`, `weight [outputs,inputs/groups,kh,kw]`, `bias [outputs]`,
 * `y [n,outputs,oh,ow]`.
 */
export class Conv2d extends Module {
  readonly weight: Tensor;
  readonly bias: Tensor | null;
  readonly options: Readonly<Conv2dOptions>;

  constructor(inputs: number, outputs: number, kernelSize: Pair, options: Conv2dLayerOptions = {}) {
    super();
    checkOptions("Conv2d", options, conv2dLayerOptions);
    const size = pairOf("Conv2d", "kernelSize", kernelSize, 1);
    const { bias: biased, ...convolution } = options;
    const { weight, bias } = initialValues("Conv2d", inputs, outputs, size, options);
    this.weight = weight;
    this.bias = bias;
    this.options = convolution;
  }

  forward(x: Tensor): Tensor {
    return conv2d(x, this.weight, this.bias, this.options);
  }
}
