// Flatten as a module: from images to the rows of a fully connected layer.
import { ShapeError } from "../errors.ts";
import { reshape } from "../ops/broadcast.ts";
import { formatShape, normalizeAxis, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

/** Joins the axes from `startDim` to `endDim` into one; by default all but the first: `[n,c,h,w]` becomes `[n,c·h·w]`. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(startDim = 1, endDim = -1) {
    super();
    this.startDim = startDim;
    this.endDim = endDim;
  }

  forward(x: Tensor): Tensor {
    const first = normalizeAxis("Flatten", this.startDim, x.rank);
    const last = normalizeAxis("Flatten", this.endDim, x.rank);
    if (first > last) {
      throw new ShapeError(
        `Flatten: axis ${this.startDim} of ${formatShape(x.shape)} comes after axis ${this.endDim}; exchange them`,
      );
    }
    const joined = sizeOf(x.shape.slice(first, last + 1));
    return reshape(x, [...x.shape.slice(0, first), joined, ...x.shape.slice(last + 1)]);
  }
}
