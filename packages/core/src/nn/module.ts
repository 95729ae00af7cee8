// Module: a model or a part of one. Finds parameters, buffers and submodules by walking its properties.

import type { DType } from "../dtype.ts";
import { bytesPerElement, isFloat } from "../dtype.ts";
import { GradientError, ValueError } from "../errors.ts";
import { Storage } from "../memory/storage.ts";
import { observer, refuseHostAccess } from "../observer.ts";
import { requireFloat, requireTensor } from "../require-tensor.ts";
import type { Shape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import type { LoadOptions, StateDict } from "./state-dict.ts";
import { loadInto } from "./state-dict.ts";
import { summarize } from "./summary.ts";

/** Tensors that are a module's state, but not parameters. */
const buffers = new WeakSet<Tensor>();

const isParameter = (x: Tensor): boolean => (x.requiresGrad || x.frozen) && !buffers.has(x);
const isState = (x: Tensor): boolean => isParameter(x) || buffers.has(x);

/** Makes a tensor, without a copy, a parameter of the module whose property it becomes: trained, saved, kept. */
export function parameter(x: Tensor): Tensor {
  requireFloat("parameter", x);
  buffers.delete(x);
  x.requiresGrad = true;
  return x.keep();
}

/** Makes a tensor, without a copy, state of the module whose property it becomes: saved and kept, not trained. */
export function buffer(x: Tensor): Tensor {
  requireTensor("buffer", x);
  if (x.tracked) {
    throw new GradientError(
      "buffer: got a tensor that gradients flow to; compute it inside noGrad, or make it a parameter",
    );
  }
  buffers.add(x);
  return x.keep();
}

/** A module with any inputs and any output. */
export type AnyModule = Module<never, unknown>;

/**
 * A part of a model. Subclasses define `forward`, and hold parameters, buffers and other modules in properties, or in
 * arrays and plain objects of them. Names are paths of property names, such as `layers.0.weight`, in the order in which
 * the properties were set. A tensor with `requiresGrad` is a parameter even without `parameter()`, and remains one when
 * you switch that off. `#private` fields are invisible from outside, so their contents are not found. Parameters or
 * modules in a Map or a Set are refused.
 *
 * If `forward` does not map one tensor to one tensor, name its inputs and its output: `class Attention extends
 * Module<[q: Tensor, k: Tensor, mask?: Tensor]>`.
 */
export abstract class Module<Inputs extends readonly unknown[] = [x: Tensor], Output = Tensor> {
  #training = true;

  /** False in evaluation mode. */
  get training(): boolean {
    const training = this.#training;
    observer()?.dependsOn(() => this.#training === training);
    return training;
  }

  /** `train()` and `eval()` set it for all submodules. */
  set training(training: boolean) {
    refuseHostAccess("switching between training and evaluation", "do it before the call");
    this.#training = training;
  }

  /** Computes the output. */
  abstract forward(...inputs: Inputs): Output;

  /** Where to look for parameters and modules, by name: its properties, unless a subclass overrides this. */
  parts(): object {
    return this;
  }

  /** Parameters, including frozen ones, with their names. A shared one counts once, under its first name. */
  namedParameters(): [name: string, parameter: Tensor][] {
    return this.#distinctTensors(isParameter);
  }

  /**
   * Parameters. To freeze one, set its `requiresGrad` to false: it gets no gradient, and optimizers do not change it.
   * Set it to true to unfreeze it.
   */
  parameters(): Tensor[] {
    return this.namedParameters().map(([, x]) => x);
  }

  /** Buffers, state that is not trained, with their names; once each. */
  namedBuffers(): [name: string, buffer: Tensor][] {
    return this.#distinctTensors((x) => buffers.has(x));
  }

  /** All tensors that it holds, with their names, once each: parameters (also frozen), buffers, and others. */
  namedTensors(): [name: string, x: Tensor][] {
    return this.#distinctTensors(() => true);
  }

  /** Itself and all its submodules with their names (its own is empty), depth first; once each. */
  namedModules(): [name: string, module: AnyModule][] {
    const found = new Map<AnyModule, string>([[this, ""]]);
    for (const { name, value } of walk(this)) {
      if (value instanceof Module && !found.has(value)) found.set(value, name);
    }
    return [...found].map(([module, name]) => [name, module]);
  }

  /** Itself and all its submodules, depth first. */
  modules(): AnyModule[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** Its parameters (also frozen) and buffers by all of their names: the tensors themselves, not copies. */
  stateDict(): Map<string, Tensor> {
    const state = new Map<string, Tensor>();
    for (const { name, value } of walk(this)) {
      if (value instanceof Tensor && isState(value)) state.set(name, value);
    }
    return state;
  }

  /**
   * Overwrites parameters and buffers with the values of tensors of the same names. PyTorch's names with underscores
   * work, too: `running_mean` is `runningMean`.
   *
   * @returns the names of this module that are missing from the argument, and those that the module does not have
   * @throws ValueError if names are missing or unknown (unless `strict` is false), or shapes differ; it then loads
   * nothing
   */
  loadStateDict(
    state: StateDict,
    options: LoadOptions = {},
  ): { missing: readonly string[]; unexpected: readonly string[] } {
    return loadInto(this.stateDict(), state, options);
  }

  /**
   * A table of its submodules: name and type, shape of the output, number of parameters. The shapes belong to a sample
   * input, which runs without changing any state; a shape stands for zeros. Without a sample the table has no shapes.
   */
  summary(...sample: Inputs | [shape: Shape] | []): string {
    return summarize(this, sample);
  }

  /** Switches it and all submodules to training mode. */
  train(): this {
    return this.#setTraining(true);
  }

  /** Switches it and all submodules to evaluation mode. */
  eval(): this {
    return this.#setTraining(false);
  }

  /** Converts all float parameters and buffers, in place, to another dtype. Create optimizers afterwards. */
  to(dtype: "float32" | "float64"): this {
    for (const x of new Set(this.stateDict().values())) if (isFloat(x.dtype)) convert(x, dtype);
    return this;
  }

  /** Converts it to float64, for gradient checks. */
  double(): this {
    return this.to("float64");
  }

  #setTraining(training: boolean): this {
    for (const module of this.modules()) module.training = training;
    return this;
  }

  #distinctTensors(wanted: (x: Tensor) => boolean): [string, Tensor][] {
    const found = new Map<Tensor, string>();
    for (const { name, value } of walk(this)) {
      if (value instanceof Tensor && wanted(value) && !found.has(value)) found.set(value, name);
    }
    return [...found].map(([x, name]) => [name, x]);
  }
}

/** Everything that a module holds, depth first, with names. Does not follow cycles. */
function* walk(
  owner: object,
  prefix = "",
  within: readonly object[] = [],
): Generator<{ name: string; value: unknown }> {
  const path = [...within, owner];
  for (const [key, value] of Object.entries(owner instanceof Module ? owner.parts() : owner)) {
    const name = prefix + key;
    if (value instanceof Map || value instanceof Set) refuseParts(path[0]!, name, value);
    yield { name, value };
    if (isHolder(value) && !path.includes(value)) yield* walk(value, `${name}.`, path);
  }
}

/** Throws if parameters, buffers or modules are where the walk does not look, so that none gets lost. */
function refuseParts(owner: object, name: string, values: Map<unknown, unknown> | Set<unknown>): void {
  for (const value of values.values()) {
    if (value instanceof Module || (value instanceof Tensor && isState(value))) {
      throw new ValueError(
        `${owner.constructor.name}: ${name} is a ${values.constructor.name}, in which parameters are not found; use an array, a plain object, or properties of a module`,
      );
    }
  }
}

function isHolder(value: unknown): value is object {
  if (value instanceof Module || Array.isArray(value)) return true;
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

function convert(x: Tensor, dtype: DType): void {
  const values = x.toArray();
  (x as { dtype: DType }).dtype = dtype;
  x.moveTo(Storage.allocate(x.size * bytesPerElement[dtype], "parameter"), "adopt");
  x.data().set(values);
  x.clearGrad();
}
