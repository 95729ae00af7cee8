// checkpoint: discards the intermediate results of a part of a model, and computes them again for the backward pass
// (Chen, Xu, Zhang, Guestrin: "Training deep nets with sublinear memory cost", https://arxiv.org/abs/1604.06174).
// walk.ts replaces the single node made here by the recomputed segment.

import { requireFunction } from "../arguments.ts";
import { GradientError } from "../errors.ts";
import { rememberDraws } from "../random.ts";
import { scope } from "../scope.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { attachNode, gradEnabled, recordAt, tapePosition } from "./define-op.ts";
import { detach } from "./gradient-ops.ts";
import { nodesBehind } from "./release.ts";

let recomputing = false;

/**
 * True while `checkpoint` runs a function for the second time. A layer's side effects, such as updates of running
 * statistics, must happen only while this is false.
 */
export function isRecomputing(): boolean {
  return recomputing;
}

/**
 * `f(...inputs)`, keeping only the result: the backward pass runs `f` once more to get what lies between. This costs a
 * second forward computation of `f`, and saves its memory. Gradients flow to the inputs and to whatever else `f` uses,
 * such as parameters. Gradients, also of higher order, are bit for bit those without `checkpoint`. The second run
 * repeats the random draws. May be nested.
 *
 * `f` must do the same both times: it must not depend on anything that changes in between.
 *
 * @throws GradientError in the backward pass, if `f` records something else than before
 */
export function checkpoint<Inputs extends readonly Tensor[]>(
  f: (...inputs: Inputs) => Tensor,
  ...inputs: Inputs
): Tensor {
  requireFunction("checkpoint", f);
  if (!gradEnabled()) return scope(() => f(...inputs));
  const start = tapePosition();
  let sources: Tensor[] = [];
  // The first run is recorded like any other, to learn what the result depends on; then the recording is discarded.
  const { result: y, replay } = rememberDraws(() =>
    scope(() => {
      const result = f(...inputs);
      const isNew = result.node !== null && result.node.order >= start;
      if (!isNew) return result;
      sources = sourcesOf(result, start);
      return detach(result);
    }),
  );
  // The tensors that `f` made for itself are gone.
  sources = sources.filter((source) => source.alive);
  if (sources.length === 0) return y;
  /** What the second run must reproduce: the number of recorded nodes, and the kind of result. */
  const describe = (result: Tensor) =>
    `${tapePosition() - start} operations and ${formatShape(result.shape)} ${result.dtype}`;
  const before = describe(y);
  const record = () =>
    replay(() =>
      recordAt(start, () => {
        const outer = recomputing;
        recomputing = true;
        try {
          const again = f(...inputs);
          checkSame(describe(again), before);
          return again;
        } finally {
          recomputing = outer;
        }
      }),
    );
  const vjp = () => {
    throw new GradientError("checkpoint: the backward pass goes through its segment");
  };
  attachNode(y, {
    op: "checkpoint",
    inputs: sources,
    differentiable: () => true,
    vjp,
    segment: { start, record },
  });
  return y;
}

/** Where gradients flow from `y`: leaves, and tensors recorded before number `start`, in order of first use. */
function sourcesOf(y: Tensor, start: number): Tensor[] {
  const isSource = (x: Tensor) => (x.node ? x.node.order < start : x.requiresGrad);
  const oldestFirst = nodesBehind([y], start).reverse();
  const used = oldestFirst.flatMap(({ inputs, differentiable }) =>
    inputs.filter((x, index) => differentiable(index) && isSource(x)),
  );
  return [...new Set(used)];
}

function checkSame(now: string, before: string): void {
  if (now !== before) {
    throw new GradientError(
      `checkpoint: the function gave ${now} for the backward pass, ${before} in the forward pass; it must do the same both times`,
    );
  }
}
