// Reverse-mode differentiation: walks the recorded graph from a result back to its leaves, newest node first
// (Linnainmaa 1970; see Baydin et al., https://arxiv.org/abs/1502.05767). This file starts a walk and stores its
// gradients. The walk itself is in walk.ts, the release of a graph in release.ts. Knows no op by name.

import { kindOf } from "../arguments.ts";
import { GradientError, ShapeError, ValueError } from "../errors.ts";
import { elementwiseKernels } from "../kernels/families.ts";
import { checkOptions, optionNames } from "../options.ts";
import { requireTensor } from "../require-tensor.ts";
import { scope, watch } from "../scope.ts";
import { formatShape } from "../shape.ts";
import { copyStrided } from "../strided-copy.ts";
import type { GradientHook, Node, Pass, Tensor } from "../tensor.ts";
import { compute, withGrad } from "./define-op.ts";
import { accumulate, addInto, alias, copy, filledLike } from "./gradient-ops.ts";
import { handOut, nodesBehind, releaseNodes } from "./release.ts";
import { checkGradient, keyOf, Walk } from "./walk.ts";

/** How a backward walk begins, and what remains of the graph afterwards. */
export interface BackwardOptions {
  /** The gradient of some later result with respect to this one; default ones (which needs a scalar). */
  gradient?: Tensor;
  /** Keep the graph and its tensors, so that `backward` can be called again. */
  retainGraph?: boolean;
  /** Record the backward pass itself, so that gradients can be differentiated. Implies `retainGraph`. */
  createGraph?: boolean;
}

/** As `BackwardOptions`, for `grad`. */
export interface GradOptions extends BackwardOptions {
  /**
   * Where the gradients go: one contiguous tensor per input, of its shape. Saves a copy if the last computation can
   * write there. Zeros where the result does not depend on an input. Not with `createGraph`.
   */
  into?: readonly Tensor[];
  /**
   * With `into`: called with the number of an input when its gradient is there, before the pass goes on to others. For
   * some it is only known at the end (behind a checkpoint, with a hook, or if it had to be copied): these are left out.
   */
  ready?: (index: number) => void;
}

const backwardOptionNames = { gradient: true, retainGraph: true, createGraph: true } as const;
const backwardOptions = optionNames<BackwardOptions>(backwardOptionNames, {
  inputs: "use grad(result, inputs), which returns their gradients",
});
const gradOptions = optionNames<GradOptions>(
  { ...backwardOptionNames, into: true, ready: true },
  { allowUnused: "inputs that play no part get null; leave it out" },
);

/** The start of a walk: a result, and its gradient as in `BackwardOptions`. */
export interface Root {
  result: Tensor;
  gradient?: Tensor | undefined;
}

function seedOf({ result, gradient }: Root): Tensor {
  if (gradient) return alias(gradient);
  return filledLike(result, 1);
}

function checkRoot(operation: string, { result, gradient }: Root): void {
  if (gradient) checkGradient(operation, gradient, result);
  else if (result.size !== 1) {
    throw new ShapeError(
      `${operation}: got a result of shape ${formatShape(result.shape)}, expected a scalar; reduce it (mean, sum) or pass { gradient }`,
    );
  }
}

/** The gradients with respect to `wanted` of the sum of `gradient · result` over all roots. */
function differentiate(
  operation: string,
  roots: readonly Root[],
  nodes: readonly Node[],
  wanted: readonly Tensor[],
  { retainGraph, createGraph, into, ready }: GradOptions,
): Map<Tensor, Tensor> {
  for (const root of roots) checkRoot(operation, root);
  const results = roots.map(({ result }) => result);
  const run = () =>
    new Walk(wanted, createGraph ?? false, into, ready).run(nodes, results, (index) => seedOf(roots[index]!));
  if (retainGraph || createGraph) handOut(results);
  if (!createGraph) {
    const gradients = scope(run);
    if (!retainGraph) {
      handOut(results);
      releaseNodes(nodes);
    }
    return gradients;
  }
  const { result: gradients, made } = watch(run);
  handOut(gradients.values());
  const pass: Pass = { nodes, tensors: made };
  for (const { node } of made) if (node) node.pass ??= pass;
  return gradients;
}

/**
 * Adds the gradient of a scalar `root` to `.grad` of every leaf with `requiresGrad`. By default, releases the graph's
 * intermediate tensors; `root` itself stays readable.
 *
 * @throws ShapeError, DTypeError if `root` is not a scalar and has no `gradient`, or the gradient does not match
 * @throws GradientError if nothing behind `root` requires a gradient
 * @throws ReleasedError if an earlier call released the graph
 */
export function backward(root: Tensor, options: BackwardOptions = {}): void {
  requireTensor("backward", root, "root");
  checkOptions("backward", options, backwardOptions);
  if (!root.tracked) {
    throw new GradientError(
      "backward: nothing that this result was computed from requires a gradient; set requiresGrad on a leaf, and do not compute inside noGrad",
    );
  }
  const nodes = nodesBehind([root]);
  const leaves = new Set<Tensor>();
  if (root.requiresGrad) leaves.add(root);
  for (const node of nodes) for (const input of node.inputs) if (input.requiresGrad) leaves.add(input);
  const start = { result: root, gradient: options.gradient };
  const gradients = differentiate("backward", [start], nodes, [...leaves], options);
  for (const leaf of leaves) {
    const gradient = gradients.get(keyOf(leaf));
    if (gradient) addToGrad(leaf, gradient, options.createGraph ?? false);
  }
}

/** Adds to `.grad`, in place if no graph includes it, as in PyTorch. */
function addToGrad(leaf: Tensor, gradient: Tensor, createGraph: boolean): void {
  const before = leaf.grad;
  if (before) checkGradient("backward: what is in .grad does not fit", before, leaf);
  if (before && !createGraph && !before.tracked && before.contiguous) {
    addInto(before, gradient, before);
    gradient.dispose();
    return;
  }
  withGrad(createGraph, () => {
    if (before) leaf.grad = accumulate(before, gradient);
    // An optimizer must not change elements that are shared, with another gradient or by broadcasting.
    else leaf.grad = gradient.contiguous && !gradient.storage.shared ? gradient : copy(gradient);
    leaf.grad.keep();
  });
  if (createGraph) return;
  if (before && !before.tracked) before.dispose();
  if (leaf.grad !== gradient) gradient.dispose();
}

/**
 * The gradients of a scalar `root` with respect to `inputs`, of their shapes. Does not touch `.grad`. null for a tensor
 * that `root` does not depend on.
 *
 * @throws GradientError if one of `inputs` neither requires a gradient nor was computed from something that does
 * @throws ShapeError, DTypeError, ReleasedError like `backward`
 */
export function grad(root: Tensor, inputs: readonly Tensor[], options: GradOptions = {}): (Tensor | null)[] {
  requireTensor("grad", root, "root");
  checkOptions("grad", options, gradOptions);
  const { into, ready } = options;
  if (into) checkDestinations(inputs, into, options.createGraph ?? false);
  else if (ready)
    throw new GradientError("grad: got ready without into; it is called when a gradient is there");
  return gradOfSum("grad", [{ result: root, gradient: options.gradient }], inputs, options);
}

function checkDestinations(inputs: readonly Tensor[], into: readonly Tensor[], createGraph: boolean): void {
  if (createGraph) {
    throw new GradientError("grad: got into and createGraph; what a graph goes through is never overwritten");
  }
  if (into.length !== inputs.length || new Set(inputs).size !== inputs.length) {
    throw new GradientError(
      `grad: got ${into.length} tensors in into for ${inputs.length} inputs; expected one for each, and every input once`,
    );
  }
  into.forEach((place, index) => {
    checkGradient(`grad: into[${index}] does not fit`, place, inputs[index]!);
    if (!place.contiguous) throw new ShapeError(`grad: into[${index}] is not contiguous`);
  });
}

/** Like `grad`, for the sum of several results, each times its gradient. Errors name `operation`. */
export function gradOfSum(
  operation: string,
  roots: readonly Root[],
  inputs: readonly Tensor[],
  options: Omit<GradOptions, "gradient"> = {},
): (Tensor | null)[] {
  if (!Array.isArray(inputs)) {
    throw new ValueError(`${operation}: inputs are ${kindOf(inputs)}, expected an array of tensors`);
  }
  inputs.forEach((input, index) => {
    requireTensor(operation, input, `input ${index}`);
    if (!input.tracked) {
      throw new GradientError(
        `${operation}: input ${index} (shape ${formatShape(input.shape)}) requires no gradient; ${input.frozen ? "leave it out, or set requiresGrad" : "set requiresGrad"} before computing with it`,
      );
    }
  });
  const nodes = nodesBehind(roots.map(({ result }) => result));
  const gradients = differentiate(operation, roots, nodes, inputs, options);
  const { into } = options;
  if (into) return into.map((place, index) => deliver(gradients.get(keyOf(inputs[index]!)), place));
  return inputs.map((input) => gradients.get(keyOf(input)) ?? null);
}

/** Makes sure that a gradient is at the requested place; zeros if there is none. */
function deliver(gradient: Tensor | undefined, place: Tensor): Tensor | null {
  if (!gradient) {
    elementwiseKernels(place.dtype).fill(place.size, 0, place.address);
    return null;
  }
  if (gradient.address !== place.address || !gradient.contiguous) {
    // Copy a view of the place itself, in another order, before overwriting it.
    const dense = gradient.address === place.address ? compute(() => copy(gradient)) : gradient;
    copyStrided(dense, place);
    if (dense !== gradient) dense.dispose();
  }
  gradient.dispose();
  return place;
}

/**
 * Calls `hook` with the complete gradient of `x` in every backward pass through it, before the pass continues to the
 * inputs of `x`. A tensor that the hook returns replaces the gradient. The hook's argument is freed after the pass
 * unless you `keep()` it. Hooks run in the order in which they were added.
 *
 * @returns a function that removes the hook
 * @throws GradientError if no gradient flows to `x`
 */
export function onGradient(x: Tensor, hook: GradientHook): () => void {
  requireTensor("onGradient", x);
  if (!x.tracked) {
    throw new GradientError(
      `onGradient: the tensor (shape ${formatShape(x.shape)}) requires no gradient; set requiresGrad first`,
    );
  }
  // A separate entry, so that one function may be added twice.
  const entry: GradientHook = (gradient) => hook(gradient);
  x.hooks ??= new Set();
  x.hooks.add(entry);
  return () => x.hooks?.delete(entry);
}
