// The backward walk from results to their inputs. Asks each node for the gradients of its inputs, and adds up gradients
// of the same tensor. Runs hooks once a gradient is complete, and re-records checkpointed segments on the way. Must not
// know any op by name. Walks start in tape.ts.

import { bytesPerElement } from "../dtype.ts";
import { DTypeError, ReleasedError, ShapeError } from "../errors.ts";
import type { Destination } from "../memory/storage.ts";
import { allocateAt } from "../memory/storage.ts";
import { scope } from "../scope.ts";
import { formatShape, sameShape } from "../shape.ts";
import type { Node, Segment } from "../tensor.ts";
import { Tensor } from "../tensor.ts";
import { withGrad } from "./define-op.ts";
import { accumulate, addInto, alias } from "./gradient-ops.ts";
import { nodesBehind } from "./release.ts";

/** Throws unless a gradient has the shape and dtype of its tensor. */
export function checkGradient(operation: string, gradient: Tensor, x: Tensor): void {
  if (!sameShape(gradient.shape, x.shape)) {
    throw new ShapeError(
      `${operation}: the gradient has shape ${formatShape(gradient.shape)}, the tensor ${formatShape(x.shape)}; they must be equal`,
    );
  }
  if (gradient.dtype !== x.dtype) {
    throw new DTypeError(
      `${operation}: the gradient is ${gradient.dtype}, the tensor ${x.dtype}; they must be equal`,
    );
  }
}

/** The key of the gradient of `x`: the one tensor that represents its node's result. */
export function keyOf(x: Tensor): Tensor {
  return x.node ? x.node.output : x;
}

/** Computes a gradient. */
type Rule = (sum: Tensor | null) => Tensor;

export class Walk {
  /** Gradients by key: of wanted tensors, and of those that the walk has not reached yet. */
  readonly #gradients = new Map<Tensor, Tensor>();
  readonly #wanted: ReadonlySet<Tensor>;
  /** What lies on a path to a wanted tensor; the walk computes nothing else. */
  readonly #needed: Set<Tensor>;
  readonly #complete = new Set<Tensor>();
  /** Whether the walk itself is recorded. If so, the new graph holds its tensors; if not, temporaries are freed at once. */
  readonly #recorded: boolean;

  /** Where to compute gradients of wanted tensors. */
  readonly #places = new Map<Tensor, Destination>();

  /** Whom to tell of gradients that are there, their numbers, and what is still to be added to each. */
  readonly #ready: ((index: number) => void) | undefined;
  readonly #numbers = new Map<Tensor, number>();
  readonly #missing = new Map<Tensor, number>();

  constructor(
    wanted: readonly Tensor[],
    recorded: boolean,
    into: readonly Tensor[] = [],
    ready?: (index: number) => void,
  ) {
    this.#ready = ready;
    this.#wanted = new Set(wanted.map(keyOf));
    this.#needed = new Set(this.#wanted);
    this.#recorded = recorded;
    into.forEach((place, index) => {
      const { address: offset, size, dtype } = place;
      this.#places.set(keyOf(wanted[index]!), {
        offset,
        bytes: size * bytesPerElement[dtype],
        storage: null,
      });
    });
  }

  /**
   * The gradients of the wanted tensors by key; one without a path is missing.
   *
   * @param nodes what is behind the roots, newest first
   * @param seed the gradient of each root, called when it is needed
   */
  run(
    nodes: readonly Node[],
    roots: readonly Tensor[],
    seed: (index: number) => Tensor,
  ): Map<Tensor, Tensor> {
    return withGrad(this.#recorded, () => {
      this.#findPaths(nodes);
      if (this.#ready) this.#countMissing(nodes);
      roots.forEach((root, index) => {
        this.#add(keyOf(root), () => seed(index));
      });
      this.#over(nodes);
      for (const x of this.#gradients.keys()) if (!this.#complete.has(x)) this.#runHooks(x);
      return this.#gradients;
    });
  }

  #needs(node: Node, index: number): boolean {
    return node.differentiable(index) && this.#needed.has(keyOf(node.inputs[index]!));
  }

  #findPaths(nodes: readonly Node[]): void {
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i]!;
      if (node.inputs.some((_, index) => this.#needs(node, index))) this.#needed.add(node.output);
    }
  }

  /** Nobody knows what a checkpointed segment adds before it is recorded again. */
  #countMissing(nodes: readonly Node[]): void {
    if (nodes.some(({ segment }) => segment)) return;
    for (const x of this.#places.keys()) {
      if (x.node === null && !x.hooks?.size) this.#missing.set(x, 0);
    }
    for (const node of nodes) {
      node.inputs.forEach((input, index) => {
        if (this.#needs(node, index)) this.#changeMissing(keyOf(input), 1);
      });
    }
    [...this.#places.keys()].forEach((x, index) => void this.#numbers.set(x, index));
  }

  #changeMissing(x: Tensor, change: number): void {
    const missing = this.#missing.get(x);
    if (missing === undefined) return;
    this.#missing.set(x, missing + change);
    if (change > 0 || missing + change > 0) return;
    const gradient = this.#gradients.get(x);
    if (gradient?.contiguous && gradient.address === this.#places.get(x)!.offset)
      this.#ready!(this.#numbers.get(x)!);
  }

  #over(nodes: readonly Node[]): void {
    for (const node of nodes) {
      if (!this.#gradients.has(node.output)) {
        node.inputs.forEach((input, index) => {
          if (this.#needs(node, index)) this.#changeMissing(keyOf(input), -1);
        });
        continue;
      }
      if (node.segment) this.#overSegment(node, node.segment);
      else this.#through(node);
    }
  }

  #through(node: Node): void {
    const { output } = node;
    this.#runHooks(output);
    const dy = this.#gradients.get(output)!;
    // Wanted ones first: they can leave while the rest is computed, and what only they need can be freed.
    for (const areWanted of [true, false]) {
      node.inputs.forEach((input, index) => {
        const key = keyOf(input);
        if (this.#wanted.has(key) !== areWanted || !this.#needs(node, index)) return;
        this.#add(key, (sum) => inputGradient(node, index, dy, sum));
        this.#changeMissing(key, -1);
      });
    }
    if (this.#wanted.has(output)) this.#complete.add(output);
    else {
      this.#gradients.delete(output);
      this.#drop(dy);
    }
  }

  /**
   * Adds the result of `rule` to the gradient of `x`, if that is needed. The rule may itself add to the sum that it gets,
   * and return it.
   */
  #add(x: Tensor, rule: Rule): void {
    if (!this.#needed.has(x)) return;
    const before = this.#gradients.get(x);
    if (this.#recorded) this.#gradients.set(x, before ? accumulate(before, rule(null)) : rule(null));
    else if (!before) {
      const place = this.#places.get(x) ?? null;
      this.#gradients.set(
        x,
        scope(() => (place ? allocateAt(place, () => rule(null)) : rule(null))),
      );
    } else this.#addTo(x, before, rule);
  }

  /** In place if nobody else uses the sum so far. */
  #addTo(x: Tensor, before: Tensor, rule: Rule): void {
    const sum = scope(() => {
      if (before.storage.shared || !before.contiguous) return accumulate(before, rule(null));
      const more = rule(before);
      if (more !== before) addInto(before, more, before);
      return before;
    });
    if (sum === before) return;
    this.#gradients.set(x, sum);
    this.#drop(before);
  }

  /**
   * Records a segment again and walks its nodes in place of the one that represents them. Gradients are added in the
   * same order, and hooks run, as if the segment had been recorded in the first place. If the walk is recorded, the
   * nodes replace that node for good, because the new recording refers to them.
   */
  #overSegment(node: Node, { start, record }: Segment): void {
    const y = node.output;
    const { hooks } = y;
    const through = () => {
      const again = record();
      const nodes = nodesBehind([again], start);
      // From here on both handles are the result of the last node, under one key.
      again.node!.output = y;
      y.node = again.node;
      if (again.hooks) {
        for (const hook of hooks ?? []) again.hooks.add(hook);
        y.hooks = again.hooks;
      }
      this.#findPaths(nodes);
      this.#over(nodes);
      return [...this.#gradients.values()];
    };
    if (this.#recorded) through();
    else {
      try {
        scope(through);
      } finally {
        y.node = node;
        y.hooks = hooks;
      }
    }
  }

  #runHooks(x: Tensor): void {
    for (const hook of [...(x.hooks ?? [])]) {
      const gradient = this.#gradients.get(x)!;
      const run = () => {
        // A separate handle, so that the hook may keep it.
        const other = hook(alias(gradient));
        if (!(other instanceof Tensor)) return undefined;
        checkGradient("onGradient: the hook's result does not fit", other, x);
        return alias(other);
      };
      const replacement = this.#recorded ? run() : scope(run);
      if (replacement) {
        this.#gradients.set(x, replacement);
        this.#drop(gradient);
      }
    }
  }

  #drop(gradient: Tensor): void {
    if (!this.#recorded) gradient.dispose("backward()");
  }
}

/** The gradient of one input of a node, in a separate handle; or `sum`, to which it was added. */
function inputGradient(node: Node, index: number, dy: Tensor, sum: Tensor | null): Tensor {
  let dx: Tensor;
  try {
    dx = node.vjp(index, dy, sum);
  } catch (error) {
    if (!(error instanceof ReleasedError)) throw error;
    throw new ReleasedError(
      `backward: ${node.op} needs something that is gone: ${error.message}; call backward before, or inside the same scope`,
      { cause: error },
    );
  }
  checkGradient(`backward: the rule of ${node.op} for input ${index}`, dx, node.inputs[index]!);
  return dx === dy ? alias(dy) : dx;
}
