// Reverse-mode differentiation: walks the recorded graph from a result back to its leaves, newest node first
// (Linnainmaa 1970; see Baydin et al., https://arxiv.org/abs/1502.05767). Asks each node for the gradient of its
// inputs and adds up what meets. Must not know any op by name.
import { defineOp, withGrad } from "./define-op.ts";
import { GradientError, ReleasedError, ShapeError } from "./errors.ts";
import { kernelsFor } from "./kernels/dispatch.ts";
import { scope } from "./scope.ts";
import { formatShape, sameShape } from "./shape.ts";
import type { Node } from "./tensor.ts";
import { contiguous, copyStrided, Tensor } from "./tensor.ts";

export interface BackwardOptions {
  /** Gradient of some later result with respect to this one; ones if absent (which needs a scalar). */
  gradient?: Tensor;
  /** Keep the graph and its tensors, so that `backward` can be called again. */
  retainGraph?: boolean;
  /** Record the backward pass itself, so that gradients can be differentiated. Implies `retainGraph`. */
  createGraph?: boolean;
}

/** Sum of two gradients that meet at one tensor. */
const accumulate = defineOp<[Tensor, Tensor]>({
  name: "accumulate",
  forward: (a, b) => {
    const left = contiguous(a);
    const right = contiguous(b);
    const y = Tensor.allocate(a.shape, a.dtype, "gradient");
    kernelsFor(a.dtype).add(1, a.size, left.address, 0, 1, right.address, 0, 1, y.address);
    return y;
  },
  vjp: [(dy) => dy, (dy) => dy],
});

/** The same gradient, laid out, in elements of its own. */
const copyGradient = defineOp<[Tensor]>({
  name: "gradient",
  forward: (x) => {
    const y = Tensor.allocate(x.shape, x.dtype, "gradient");
    copyStrided(x, y);
    return y;
  },
  vjp: [(dy) => dy],
});

/** Nodes whose released outputs must not be walked again. */
const spent = new WeakSet<Node>();

/** All nodes that `root` was computed by, newest first. */
function sortedNodes(root: Tensor): Node[] {
  const found = new Set<Node>();
  const pending = root.node ? [root.node] : [];
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (found.has(node)) continue;
    if (spent.has(node)) {
      throw new ReleasedError(
        `backward: the graph behind this result (${node.op}) was released by an earlier backward; pass { retainGraph: true } there`,
      );
    }
    found.add(node);
    node.inputs.forEach((input, index) => {
      if (input.node && node.differentiable(index)) pending.push(input.node);
    });
  }
  return [...found].sort((a, b) => b.order - a.order);
}

function seedGradient(root: Tensor, options: BackwardOptions): Tensor {
  const { gradient } = options;
  if (gradient) {
    if (!sameShape(gradient.shape, root.shape)) {
      throw new ShapeError(
        `backward: gradient has shape ${formatShape(gradient.shape)}, the result ${formatShape(root.shape)}; they must be equal`,
      );
    }
    return gradient.view(gradient.shape, gradient.strides);
  }
  if (root.size !== 1) {
    throw new ShapeError(
      `backward: got a result of shape ${formatShape(root.shape)}, expected a scalar; reduce it (mean, sum) or pass { gradient }`,
    );
  }
  const ones = Tensor.allocate(root.shape, root.dtype, "gradient");
  kernelsFor(root.dtype).fill(1, 1, ones.address);
  return ones;
}

/**
 * The gradients of `root` with respect to each of `wanted`, undefined where no path leads there.
 * Only nodes on a path to a wanted tensor are visited.
 */
function propagate(
  root: Tensor,
  nodes: readonly Node[],
  wanted: ReadonlySet<Tensor>,
  options: BackwardOptions,
): Map<Tensor, Tensor> {
  const needed = new Set<Tensor>(wanted);
  for (const node of nodes.toReversed()) {
    if (node.inputs.some((input, index) => node.differentiable(index) && needed.has(input))) {
      needed.add(node.output);
    }
  }
  const createGraph = options.createGraph ?? false;
  const gradients = new Map<Tensor, Tensor>();
  if (needed.has(root)) gradients.set(root, seedGradient(root, options));
  withGrad(createGraph, () => {
    for (const node of nodes) {
      const dy = gradients.get(node.output);
      if (!dy) continue;
      node.inputs.forEach((input, index) => {
        if (!needed.has(input) || !node.differentiable(index)) return;
        const before = gradients.get(input);
        const step = () => {
          const dx = node.vjp(index, dy);
          if (before) return accumulate(before, dx);
          // A rule may hand `dy` through; it needs a handle of its own, for `dy` is disposed below.
          return dx === dy && !createGraph ? dy.view(dy.shape, dy.strides) : dx;
        };
        // While recording, the new graph holds all intermediate results; otherwise they go at once.
        const sum = createGraph ? step() : scope(step);
        if (before && !createGraph) before.dispose();
        gradients.set(input, sum);
      });
      if (!wanted.has(node.output)) {
        gradients.delete(node.output);
        if (!createGraph) dy.dispose();
      }
    }
  });
  return gradients;
}

/** Gives back what the tape held: every intermediate result but `root` and those that were kept. */
function releaseGraph(nodes: readonly Node[], root: Tensor): void {
  for (const node of nodes) {
    spent.add(node);
    for (const input of node.inputs) if (input.constant) input.dispose("backward()");
    if (node.output !== root && !node.output.kept) node.output.dispose("backward()");
  }
}

/**
 * Writes the gradient of a scalar `root` into `.grad` of every leaf with `requiresGrad`, adding to what is there.
 * Releases the intermediate tensors of the graph unless told otherwise; `root` itself stays readable.
 *
 * @throws ShapeError if `root` is not a scalar and no `gradient` is given
 * @throws GradientError if nothing behind `root` requires a gradient
 * @throws ReleasedError if the graph was released by an earlier call
 */
export function backward(root: Tensor, options: BackwardOptions = {}): void {
  if (!root.tracked) {
    throw new GradientError(
      "backward: nothing that this result was computed from requires a gradient; set requiresGrad on a leaf, and do not compute inside noGrad",
    );
  }
  const nodes = sortedNodes(root);
  const leaves = new Set<Tensor>();
  if (root.requiresGrad) leaves.add(root);
  for (const node of nodes) for (const input of node.inputs) if (input.requiresGrad) leaves.add(input);
  const gradients = propagate(root, nodes, leaves, options);
  withGrad(options.createGraph ?? false, () => {
    for (const [leaf, gradient] of gradients) {
      const before = leaf.grad;
      leaf.grad = (before ? accumulate(before, gradient) : ownCopy(gradient, options)).keep();
      if (before && !options.createGraph) {
        before.dispose();
        gradient.dispose();
      }
    }
  });
  if (!options.retainGraph && !options.createGraph) releaseGraph(nodes, root);
}

/** A gradient that shares its elements (with another gradient, or by broadcasting) gets elements of its own. */
function ownCopy(gradient: Tensor, options: BackwardOptions): Tensor {
  // While recording, the new graph holds on to `gradient`, and two leaves may have been handed the same tensor.
  if (options.createGraph) return copyGradient(gradient);
  if (gradient.contiguous && !gradient.storage.shared) return gradient;
  const copy = copyGradient(gradient);
  gradient.dispose();
  return copy;
}

/**
 * The gradients of a scalar `root` with respect to `inputs`, of their shapes; `.grad` is not touched.
 * A tensor that `root` does not depend on gets null.
 *
 * @throws ShapeError, ReleasedError as `backward`
 */
export function grad(
  root: Tensor,
  inputs: readonly Tensor[],
  options: BackwardOptions = {},
): (Tensor | null)[] {
  const nodes = sortedNodes(root);
  const gradients = propagate(root, nodes, new Set(inputs), options);
  if (!options.retainGraph && !options.createGraph) releaseGraph(nodes, root);
  return inputs.map((input) => gradients.get(input) ?? null);
}
