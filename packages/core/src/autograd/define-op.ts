// defineOp: an op is its forward computation and a table with one gradient rule per input. Records the computational
// graph. Must not know any op by name; the ops are in ops/, the backward walk in walk.ts.

import { refusePromise, requireFunction } from "../arguments.ts";
import { GradientError } from "../errors.ts";
import { checkOptions, optionNames } from "../options.ts";
import { requireTensor } from "../require-tensor.ts";
import { scope } from "../scope.ts";
import type { Node, Segment, Tensor } from "../tensor.ts";

/** Arguments of an op: its input tensors, then its attributes, if any. */
export type Arguments<Inputs extends readonly Tensor[], Attributes> = [Attributes] extends [undefined]
  ? [...Inputs]
  : [...Inputs, Attributes];

/** The gradient of one input from the output's: `dy` and `y` have the output's shape, the result the input's. */
export type GradientRule<Inputs extends readonly Tensor[], Attributes> = (
  dy: Tensor,
  y: Tensor,
  ...rest: Arguments<Inputs, Attributes>
) => Tensor;

/** The argument of `defineOp`. */
export interface OpDefinition<Inputs extends readonly Tensor[], Attributes> {
  /** The name in graphs and errors. */
  name: string;
  /** Computes the output with kernels or other ops. Must return a new tensor. */
  forward: (...args: Arguments<Inputs, Attributes>) => Tensor;
  /**
   * The vector-Jacobian products: one rule per input; null where the output does not depend on it smoothly. Write them
   * in ops, so that gradients can be differentiated again.
   */
  vjp: { readonly [K in keyof Inputs]: GradientRule<Inputs, Attributes> | null };
  /**
   * Adds the gradient of the only input to `sum`, contiguous and of its shape. For gradients that are 0 almost everywhere:
   * costs what the others cost, and leaves the rest of `sum` alone.
   */
  addGradient?: (sum: Tensor, dy: Tensor, y: Tensor, ...rest: Arguments<Inputs, Attributes>) => void;
}

/** The argument of `defineVariadicOp`. */
export interface VariadicDefinition<Attributes> {
  name: string;
  /** As in `OpDefinition`. */
  forward: (inputs: readonly Tensor[], attributes: Attributes) => Tensor;
  /** Gradient of input number `index`. */
  vjp: (dy: Tensor, y: Tensor, inputs: readonly Tensor[], attributes: Attributes, index: number) => Tensor;
}

const variadicDefinition = optionNames<VariadicDefinition<unknown>>({ name: true, forward: true, vjp: true });
const opDefinition = optionNames<OpDefinition<[Tensor], unknown>>({
  ...{ name: true, forward: true, vjp: true },
  addGradient: true,
});

/** The number of nodes recorded so far, which is the next node's order. */
let recorded = 0;
let recording = true;

/** True while operations are recorded for gradients. */
export function gradEnabled(): boolean {
  return recording;
}

/**
 * Runs `body` with recording for gradients on or off.
 *
 * @throws ShardgradError if `body` is asynchronous: when it continued, recording would have switched back
 */
export function withGrad<T>(enabled: boolean, body: () => T): T {
  const before = recording;
  recording = enabled;
  try {
    const result = body();
    refusePromise(enabled ? "withGrad" : "noGrad", result, enabled ? "recorded" : "kept from being recorded");
    return result;
  } finally {
    recording = before;
  }
}

/**
 * Runs `body` without recording: for evaluation, and for changing parameters.
 *
 * @throws ShardgradError if `body` is asynchronous
 */
export function noGrad<T>(body: () => T): T {
  requireFunction("noGrad", body);
  return withGrad(false, body);
}

/** Runs a forward computation without recording, and frees its temporary tensors. */
export function compute(body: () => Tensor): Tensor {
  return withGrad(false, () => scope(body));
}

/** The order of the next recorded node. */
export function tapePosition(): number {
  return recorded;
}

/** Runs `body`, which records nodes with orders from `position` on, and then restores the tape's position. */
export function recordAt<T>(position: number, body: () => T): T {
  const before = recorded;
  recorded = position;
  try {
    return withGrad(true, body);
  } finally {
    recorded = before;
  }
}

/** Makes `y` the result of a new node of the graph. */
export function attachNode(
  y: Tensor,
  node: Pick<Node, "op" | "inputs" | "differentiable" | "vjp"> & { segment?: Segment },
): void {
  y.node = { segment: null, ...node, order: recorded++, output: y, pass: null, released: false };
}

/**
 * A gradient by its fast kernel; or, while the backward pass itself is recorded, composed of differentiable ops. Both
 * must be the same function.
 */
export function fusedGradient(kernel: () => Tensor, composed: () => Tensor): Tensor {
  return recording ? composed() : compute(kernel);
}

function record(
  y: Tensor,
  op: string,
  inputs: readonly Tensor[],
  differentiable: (index: number) => boolean,
  vjp: Node["vjp"],
): Tensor {
  if (recording && inputs.some((input, index) => input.tracked && differentiable(index))) {
    if (y.node !== null || inputs.includes(y)) {
      throw new GradientError(`${op}: forward returned a tensor that was there before; return a new one`);
    }
    attachNode(y, { op, inputs, differentiable, vjp });
  }
  return y;
}

/** Defines an op with a fixed number of input tensors. */
export function defineOp<Inputs extends readonly Tensor[], Attributes = undefined>(
  definition: OpDefinition<Inputs, Attributes>,
): (...args: Arguments<Inputs, Attributes>) => Tensor {
  checkOptions("defineOp", definition, opDefinition);
  const { name, forward, addGradient } = definition;
  const rules = definition.vjp as readonly (GradientRule<Inputs, Attributes> | null)[];
  const differentiable = (index: number) => rules[index] !== null;
  const names = rules.map((_, index) => (rules.length === 1 ? "x" : `input ${index}`));
  return (...args) => {
    for (let index = 0; index < names.length; index++) requireTensor(name, args[index], names[index]);
    const y = compute(() => forward(...args));
    const inputs = args.slice(0, rules.length) as unknown as readonly Tensor[];
    return record(y, name, inputs, differentiable, (index, dy, sum) => {
      if (sum && addGradient) {
        addGradient(sum, dy, y, ...args);
        return sum;
      }
      const rule = rules[index];
      if (!rule) throw new GradientError(`${name}: input ${index} has no gradient`);
      return rule(dy, y, ...args);
    });
  };
}

/** Defines an op with any number of input tensors. */
export function defineVariadicOp<Attributes>(
  definition: VariadicDefinition<Attributes>,
): (inputs: readonly Tensor[], attributes: Attributes) => Tensor {
  checkOptions("defineVariadicOp", definition, variadicDefinition);
  const { name, forward, vjp } = definition;
  return (inputs, attributes) => {
    inputs.forEach((x, index) => {
      requireTensor(name, x, `input ${index}`);
    });
    const y = compute(() => forward(inputs, attributes));
    return record(
      y,
      name,
      inputs,
      () => true,
      (index, dy) => vjp(dy, y, inputs, attributes, index),
    );
  };
}
