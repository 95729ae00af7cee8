// Pooling as modules, for use in Sequential.

import type { AdaptiveSize, AvgPool1dOptions, AvgPool2dOptions } from "../ops/convolution/avg-pool.ts";
import {
  adaptiveAvgPool2d,
  avgPool1d,
  avgPool1dOptions,
  avgPool2d,
  avgPool2dOptions,
} from "../ops/convolution/avg-pool.ts";
import type { MaxPool1dOptions, MaxPool2dOptions } from "../ops/convolution/max-pool.ts";
import { maxPool1d, maxPool1dOptions, maxPool2d, maxPool2dOptions } from "../ops/convolution/max-pool.ts";
import type { Pair } from "../ops/convolution/windows.ts";
import { checkOptions } from "../options.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

/** The largest element of each window: `x [n,c,l]`, `y [n,c,ol]`. */
export class MaxPool1d extends Module {
  readonly kernelSize: number;
  readonly options: Readonly<MaxPool1dOptions>;

  constructor(kernelSize: number, options: MaxPool1dOptions = {}) {
    super();
    checkOptions("MaxPool1d", options, maxPool1dOptions);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool1d(x, this.kernelSize, this.options);
  }
}

/** The largest element of each window: `x [n,c,h,w]`, `y [n,c,oh,ow]`. */
export class MaxPool2d extends Module {
  readonly kernelSize: Pair;
  readonly options: Readonly<MaxPool2dOptions>;

  constructor(kernelSize: Pair, options: MaxPool2dOptions = {}) {
    super();
    checkOptions("MaxPool2d", options, maxPool2dOptions);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return maxPool2d(x, this.kernelSize, this.options);
  }
}

/** The mean of each window: `x [n,c,l]`, `y [n,c,ol]`. */
export class AvgPool1d extends Module {
  readonly kernelSize: number;
  readonly options: Readonly<AvgPool1dOptions>;

  constructor(kernelSize: number, options: AvgPool1dOptions = {}) {
    super();
    checkOptions("AvgPool1d", options, avgPool1dOptions);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool1d(x, this.kernelSize, this.options);
  }
}

/** The mean of each window: `x [n,c,h,w]`, `y [n,c,oh,ow]`. */
export class AvgPool2d extends Module {
  readonly kernelSize: Pair;
  readonly options: Readonly<AvgPool2dOptions>;

  constructor(kernelSize: Pair, options: AvgPool2dOptions = {}) {
    super();
    checkOptions("AvgPool2d", options, avgPool2dOptions);
    this.kernelSize = kernelSize;
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(x, this.kernelSize, this.options);
  }
}

/** The means of the requested number of windows: `x [n,c,h,w]`, `y [n,c,oh,ow]`. */
export class AdaptiveAvgPool2d extends Module {
  readonly outputSize: AdaptiveSize;

  constructor(outputSize: AdaptiveSize) {
    super();
    this.outputSize = outputSize;
  }

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2d(x, this.outputSize);
  }
}
