// Regular tensors: arange, linspace, eye.

import { compute } from "../../autograd/define-op.ts";
import { ValueError } from "../../errors.ts";
import { elementwiseKernels, moveKernels } from "../../kernels/families.ts";
import { checkOptions } from "../../options.ts";
import { checkShape } from "../../shape.ts";
import { copyStrided } from "../../strided-copy.ts";
import { Tensor } from "../../tensor.ts";
import type { TensorOptions } from "./create.ts";
import { asLeaf, dtypeIn, tensorOptions } from "./create.ts";

function requireFinite(operation: string, name: string, value: number): void {
  if (!Number.isFinite(value)) {
    throw new ValueError(`${operation}: ${name} is ${value}, expected a finite number`);
  }
}

/**
 * `start`, `start + step`, … while below `end` (above, for a negative step). Float32 by default, even for integers;
 * `arange(n, { dtype: "int32" })` makes indices.
 *
 * With a single bound, `start` is 0. `step` is 1 by default.
 *
 * @throws ValueError if the step is 0 or leads away from `end`
 */
export function arange(end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, options?: TensorOptions): Tensor;
export function arange(start: number, end: number, step: number, options?: TensorOptions): Tensor;
export function arange(...args: (number | TensorOptions | undefined)[]): Tensor {
  const numbers = args.filter((arg) => typeof arg === "number");
  const options = args.find((arg) => arg !== undefined && typeof arg !== "number") ?? {};
  checkOptions("arange", options, tensorOptions);
  const [start, end, step] =
    numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1];
  requireFinite("arange", "start", start);
  requireFinite("arange", "end", end);
  requireFinite("arange", "step", step);
  if (step === 0 || (end - start) / step < 0) {
    throw new ValueError(`arange: step ${step} does not lead from ${start} to ${end}; change its sign`);
  }
  const x = Tensor.allocate([Math.ceil((end - start) / step)], dtypeIn("arange", options), "arange");
  moveKernels(x.dtype).arange(x.size, start, step, x.address);
  return asLeaf(x, options);
}

/**
 * `steps` equally spaced numbers from `start` to `end`, both included; a single one is `start`.
 *
 * @throws ValueError if a bound is not finite; ShapeError unless `steps` is a non-negative integer
 */
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  checkOptions("linspace", options, tensorOptions);
  requireFinite("linspace", "start", start);
  requireFinite("linspace", "end", end);
  const x = Tensor.allocate(checkShape("linspace", [steps]), dtypeIn("linspace", options), "linspace");
  moveKernels(x.dtype).linspace(steps, start, end, x.address);
  return asLeaf(x, options);
}

/**
 * Ones on the diagonal and zeros elsewhere, `[rows,cols]`; square if only `rows` is given.
 *
 * @throws ShapeError unless the sizes are non-negative integers
 */
export function eye(rows: number, cols?: number, options?: TensorOptions): Tensor;
export function eye(rows: number, options?: TensorOptions): Tensor;
export function eye(rows: number, second: number | TensorOptions = rows, third: TensorOptions = {}): Tensor {
  const [cols, options] = typeof second === "number" ? [second, third] : [rows, second];
  checkOptions("eye", options, tensorOptions);
  const x = compute(() => {
    const y = Tensor.allocate(checkShape("eye", [rows, cols]), dtypeIn("eye", options), "eye");
    const one = Tensor.allocate([], y.dtype, "eye");
    const { fill } = elementwiseKernels(y.dtype);
    fill(y.size, 0, y.address);
    fill(1, 1, one.address);
    const diagonal = y.view([Math.min(rows, cols)], [cols + 1]);
    copyStrided(one.view(diagonal.shape, [0]), diagonal);
    return y;
  });
  return asLeaf(x, options);
}
