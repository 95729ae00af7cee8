// Derivatives of functions of tensors, like JAX (https://docs.jax.dev) and torch.autograd.functional: gradients,
// vector-Jacobian and Jacobian-vector products, Hessian products, full matrices. Built only on the backward walk of
// tape.ts; ignores the inputs' own `requiresGrad` and `grad`. Knows no op by name.

import { requireFunction, requireList } from "../arguments.ts";
import { bytesPerElement } from "../dtype.ts";
import { GradientError, ShapeError } from "../errors.ts";
import { elementwiseKernels } from "../kernels/families.ts";
import { checkOptions, optionNames } from "../options.ts";
import { requireFloat } from "../require-tensor.ts";
import { scope, watch } from "../scope.ts";
import { contiguousStrides, formatShape } from "../shape.ts";
import { copyStrided } from "../strided-copy.ts";
import { Tensor } from "../tensor.ts";
import { attachNode, withGrad } from "./define-op.ts";
import { alias, detach, filledLike } from "./gradient-ops.ts";
import type { Root } from "./tape.ts";
import { gradOfSum } from "./tape.ts";
import { checkGradient } from "./walk.ts";

/** A differentiable function: float tensors in, one tensor out. It closes over everything else. */
export type TensorFunction = (...inputs: Tensor[]) => Tensor;

/** Options of all functions here. */
export interface DerivativeOptions {
  /**
   * Records the derivative, so that it can be differentiated itself; its intermediate tensors then live until that is
   * done. By default true inside a function that is being differentiated, else false.
   */
  createGraph?: boolean;
}

const derivativeOptions = optionNames<DerivativeOptions>({ createGraph: true });

/** Records `x` as a result without inputs: unlike a leaf, it is freed with its graph and gets no `.grad`. */
function variable(x: Tensor): Tensor {
  if (!x.tracked) {
    attachNode(x, { op: "input", inputs: [], differentiable: () => false, vjp: (_index, dy) => dy });
  }
  return x;
}

/** Runs `f` with recording on, on inputs that need gradients, then `use` on the result. */
function evaluate<T>(
  operation: string,
  f: TensorFunction,
  primals: readonly Tensor[],
  createGraph: boolean,
  use: (y: Tensor, inputs: readonly Tensor[]) => T,
): T {
  requireFunction(operation, f);
  requireList(operation, "primals", primals, "[x]");
  const run = () => {
    const inputs = primals.map((primal, index) => {
      requireFloat(operation, primal, `input ${index}`);
      return variable(withGrad(createGraph, () => alias(primal)));
    });
    return withGrad(true, () =>
      use(
        within(() => f(...inputs)),
        inputs,
      ),
    );
  };
  return createGraph ? run() : scope(run);
}

/** How many nested functions are being differentiated. */
let depth = 0;

function within<T>(body: () => T): T {
  depth++;
  try {
    return body();
  } finally {
    depth--;
  }
}

/** Inside a function that is being differentiated, derivatives must be recorded, or they would be constants. */
function recorded({ createGraph }: DerivativeOptions): boolean {
  return createGraph ?? depth > 0;
}

function refuseInside(operation: string): void {
  if (depth === 0) return;
  throw new GradientError(
    `${operation}: called in a function that is being differentiated, where it would count as a constant; use vjp, jvp or hvp there`,
  );
}

/** Gradients of `roots` with respect to `inputs`; 0 without dependence. Does not release the graph. */
function pull(
  operation: string,
  roots: readonly Root[],
  inputs: readonly Tensor[],
  createGraph = false,
): Tensor[] {
  const gradients = gradOfSum(operation, roots, inputs, { createGraph, retainGraph: true });
  return gradients.map((gradient, index) => gradient ?? filledLike(inputs[index]!, 0));
}

function requireScalar(operation: string, y: Tensor): void {
  if (y.size !== 1) {
    throw new ShapeError(
      `${operation}: the function's result has shape ${formatShape(y.shape)}, expected a scalar; reduce it (mean, sum)`,
    );
  }
}

function checkVectors(operation: string, vectors: readonly Tensor[], primals: readonly Tensor[]): void {
  requireList(operation, "primals", primals, "[x]");
  requireList(operation, "vectors", vectors, "[v]");
  if (vectors.length !== primals.length) {
    throw new ShapeError(
      `${operation}: got ${vectors.length} vectors for ${primals.length} inputs, expected one of the same shape for each`,
    );
  }
  vectors.forEach((vector, index) => {
    checkGradient(`${operation}: vector ${index}`, vector, primals[index]!);
  });
}

/**
 * Returns a function that computes `f`, whose result must be scalar, together with its gradients with respect to all
 * inputs.
 *
 * @throws ShapeError if the result is not a scalar; DTypeError if an input is not float
 */
export function valueAndGrad(
  f: TensorFunction,
  options: DerivativeOptions = {},
): (...inputs: Tensor[]) => { value: Tensor; grads: Tensor[] } {
  requireFunction("valueAndGrad", f);
  checkOptions("valueAndGrad", options, derivativeOptions);
  return (...primals) => {
    const createGraph = recorded(options);
    return evaluate("valueAndGrad", f, primals, createGraph, (y, inputs) => {
      requireScalar("valueAndGrad", y);
      const grads = pull("valueAndGrad", [{ result: y }], inputs, createGraph);
      return { value: createGraph ? y : detach(y), grads };
    });
  };
}

/** The result of `vjp`. Holds the graph of `f` until it is disposed, its scope ends, or it is garbage-collected. */
export interface Pullback {
  /** `f(...primals)` */
  readonly value: Tensor;
  /** `vᵀJ` for `v` of the shape of `value`: one tensor per input, of its shape. You may call it again. */
  readonly pullback: (v: Tensor) => Tensor[];
  /** Releases the graph; `value` stays unless it is recorded. */
  [Symbol.dispose](): void;
}

/**
 * `f(...primals)`, and the function that multiplies a vector by its Jacobian from the left (reverse mode).
 *
 * @throws DTypeError if an input is not float; in `pullback`, ShapeError or DTypeError if the vector does not fit
 */
export function vjp(
  f: TensorFunction,
  primals: readonly Tensor[],
  options: DerivativeOptions = {},
): Pullback {
  checkOptions("vjp", options, derivativeOptions);
  const createGraph = recorded(options);
  const { result, made } = watch(() =>
    // Nothing may be freed when this call ends, so record as for second derivatives.
    evaluate("vjp", f, primals, true, (y, inputs) => ({ y, inputs })),
  );
  const { y, inputs } = result;
  return {
    value: createGraph ? y : detach(y),
    pullback: (v) => {
      const run = () => pull("vjp", [{ result: y, gradient: v }], inputs, createGraph);
      return createGraph ? run() : scope(run);
    },
    [Symbol.dispose]: () => {
      for (const tensor of made) tensor.dispose();
    },
  };
}

/**
 * `f(...primals)` and its directional derivative `J v` along `tangents`, of the value's shape (forward mode). The
 * gradient rules are recorded and linear in `dy`, so the product is the gradient of a gradient: `vᵀ(Jᵀu)` is linear in
 * a dummy `u`, and its derivative with respect to `u` is `J v` (Townsend 2017,
 * https://j-towns.github.io/2017/06/12/A-new-trick.html). Costs about three evaluations of `f`.
 *
 * @throws ShapeError, DTypeError if tangents and inputs do not match, or an input is not float
 */
export function jvp(
  f: TensorFunction,
  primals: readonly Tensor[],
  tangents: readonly Tensor[],
  options: DerivativeOptions = {},
): { value: Tensor; tangent: Tensor } {
  checkOptions("jvp", options, derivativeOptions);
  const createGraph = recorded(options);
  requireFunction("jvp", f);
  checkVectors("jvp", tangents, primals);
  return evaluate("jvp", f, primals, createGraph, (y, inputs) => {
    const u = variable(filledLike(y, 0));
    const pulled = pull("jvp", [{ result: y, gradient: u }], inputs, true);
    const roots = pulled.map((result, index) => ({ result, gradient: tangents[index] }));
    const [tangent] = pull("jvp", roots, [u], createGraph);
    return { value: createGraph ? y : detach(y), tangent: tangent! };
  });
}

/**
 * `f(...primals)`, a scalar, and the product of its Hessian with `vectors`, one tensor per input, of its shape.
 * Computed as the gradient of `v · ∇f` (Pearlmutter 1994, https://doi.org/10.1162/neco.1994.6.1.147), without the full
 * Hessian.
 *
 * @throws ShapeError, DTypeError if vectors and inputs do not match, an input is not float, or the result is not a
 * scalar
 */
export function hvp(
  f: TensorFunction,
  primals: readonly Tensor[],
  vectors: readonly Tensor[],
  options: DerivativeOptions = {},
): { value: Tensor; products: Tensor[] } {
  checkOptions("hvp", options, derivativeOptions);
  const createGraph = recorded(options);
  requireFunction("hvp", f);
  checkVectors("hvp", vectors, primals);
  return evaluate("hvp", f, primals, createGraph, (y, inputs) => {
    requireScalar("hvp", y);
    const gradients = pull("hvp", [{ result: y }], inputs, true);
    const roots = gradients.map((result, index) => ({ result, gradient: vectors[index] }));
    const products = pull("hvp", roots, inputs, createGraph);
    return { value: createGraph ? y : detach(y), products };
  });
}

/** All derivatives of the elements of `y` by those of each input, `[...y.shape, ...input.shape]`: one walk per element. */
function rows(operation: string, y: Tensor, inputs: readonly Tensor[]): Tensor[] {
  const blocks = inputs.map((x) => Tensor.allocate([...y.shape, ...x.shape], x.dtype, operation));
  const { fill } = elementwiseKernels(y.dtype);
  const unit = filledLike(y, 0);
  for (let row = 0; row < y.size; row++) {
    const place = unit.address + row * bytesPerElement[y.dtype];
    fill(1, 1, place);
    scope(() => {
      pull(operation, [{ result: y, gradient: unit }], inputs).forEach((gradient, index) => {
        const { shape, size } = inputs[index]!;
        copyStrided(gradient, blocks[index]!.view(shape, contiguousStrides(shape), row * size));
      });
    });
    fill(1, 0, place);
  }
  return blocks;
}

/**
 * The Jacobian of `f` at `primals`: for each input, the derivatives of all elements of the result by all of the
 * input's, `[...result.shape, ...input.shape]`. Costs one backward pass per element of the result. Not recorded.
 *
 * @throws DTypeError if an input is not float
 */
export function jacobian(f: TensorFunction, primals: readonly Tensor[]): Tensor[] {
  refuseInside("jacobian");
  return evaluate("jacobian", f, primals, false, (y, inputs) => rows("jacobian", y, inputs));
}

/**
 * The Hessian of `f`, whose result must be scalar: `hessian(f, primals)[i][j]` has the second derivatives by inputs `i`
 * and `j`, `[...inputs[i].shape, ...inputs[j].shape]`. Costs one backward pass per element of the inputs. Not recorded.
 *
 * @throws ShapeError if the result is not a scalar; DTypeError if an input is not float
 */
export function hessian(f: TensorFunction, primals: readonly Tensor[]): Tensor[][] {
  refuseInside("hessian");
  return evaluate("hessian", f, primals, false, (y, inputs) => {
    requireScalar("hessian", y);
    return pull("hessian", [{ result: y }], inputs, true).map((gradient) =>
      rows("hessian", gradient, inputs),
    );
  });
}
