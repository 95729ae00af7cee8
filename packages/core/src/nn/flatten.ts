// Flatten as a module: from images to the rows of a fully connected layer.
import { flatten } from "../ops/shape/shape.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

/** Merges axes `startDim` to `endDim`; by default all but the first: `[n,c,h,w]` becomes `[n,c·h·w]`. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  forward(x: Tensor): Tensor {
    return flatten(x, this.startDim, this.endDim);
  }
}
