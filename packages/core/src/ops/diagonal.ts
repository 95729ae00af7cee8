// Which elements of a square matrix lie on its diagonal. Not public.
import type { DType } from "../dtype.ts";
import type { Tensor } from "../tensor.ts";
import { reshape } from "./broadcast.ts";
import { equal } from "./compare.ts";
import { ones } from "./create.ts";
import { cumsum } from "./cumulative.ts";

/** The unit matrix `[n, n]`; made by kernels alone, so that it can be made again when a step is replayed. */
export function diagonalMask(n: number, dtype: DType): Tensor {
  const places = cumsum(ones([n], { dtype }), 0);
  return equal(reshape(places, [n, 1]), places);
}
