// Backpropagation one layer at a time: no walk crosses from one layer to another. Each layer gets a detached view of
// the previous layer's output and the gradient of its own output, as if the layers were far apart.
import { noGrad } from "../autograd/define-op.ts";
import { detach } from "../autograd/gradient-ops.ts";
import { grad } from "../autograd/tape.ts";
import type { Module } from "../nn/module.ts";
import { add } from "../ops/arithmetic/arithmetic.ts";
import type { Tensor } from "../tensor.ts";
import { ownGradient } from "./backpropagation.ts";
import type { GradientEstimator } from "./estimator.ts";
import { defineEstimator } from "./estimator.ts";

/** A cut in the graph: a layer's output, the detached view that the next layer got, and that view's gradient. */
interface Cut {
  output: Tensor;
  leaf: Tensor;
  gradient: Tensor | null;
}

/**
 * The gradient of a loss that runs through the given layers, such as those of a `Sequential`. Bit for bit that of
 * `backpropagation`, if each parameter is used in one place. One evaluation.
 *
 * @param layers where to cut: after each of them
 */
export function layerByLayer(layers: readonly Module[]): GradientEstimator {
  return defineEstimator("layerByLayer", ({ parameters, record }) => {
    const cuts: Cut[] = [];
    const loss = withCuts(layers, cuts, record);
    const gradients = new Map<Tensor, Tensor>();
    /** Walks from `root` back to the parameters and to the cuts before number `end`. */
    const walk = (root: Tensor, end: number, gradient?: Tensor): void => {
      const before = cuts.slice(0, end);
      const wanted = [...before.map(({ leaf }) => leaf), ...parameters];
      // Several layers may share what lies between them, so no walk releases it; the scope does, at the end.
      const found = grad(root, wanted, { retainGraph: true, ...(gradient && { gradient }) });
      before.forEach((cut, i) => {
        cut.gradient = accumulate(cut.gradient, found[i]!);
      });
      parameters.forEach((parameter, p) => {
        const sum = accumulate(gradients.get(parameter) ?? null, found[end + p]!);
        if (sum) gradients.set(parameter, sum);
      });
    };
    walk(loss, cuts.length);
    for (let k = cuts.length - 1; k >= 0; k--) {
      const { output, gradient } = cuts[k]!;
      if (gradient) walk(output, k, gradient);
    }
    return {
      gradients: parameters.map((parameter) => ownGradient(parameter, gradients.get(parameter) ?? null)),
      loss: loss.item(),
    };
  });
}

function accumulate(before: Tensor | null, more: Tensor | null): Tensor | null {
  return before && more ? noGrad(() => add(before, more)) : (before ?? more);
}

/** Runs `body` while every layer returns a detached view of its output. */
function withCuts(layers: readonly Module[], cuts: Cut[], body: () => Tensor): Tensor {
  const distinct = [...new Set(layers)];
  const restore = distinct.map((layer) => {
    const own = Object.getOwnPropertyDescriptor(layer, "forward");
    const forward = layer.forward;
    layer.forward = (x) => {
      const output = forward.call(layer, x);
      if (!output.tracked) return output;
      const leaf = detach(output);
      leaf.requiresGrad = true;
      cuts.push({ output, leaf, gradient: null });
      return leaf;
    };
    return () => {
      if (own) Object.defineProperty(layer, "forward", own);
      else Reflect.deleteProperty(layer, "forward");
    };
  });
  try {
    return body();
  } finally {
    for (const undo of restore) undo();
  }
}
