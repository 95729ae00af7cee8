// What all optimizers share: parameters in groups, state, and stepping over any stretch of any parameter, which is
// what lets several threads share one update. A subclass says what an update is: the library's own in kernels
// (kernel-optimizer.ts), others in plain loops. Groups are in groups.ts, saving and loading in state-dict.ts.

import { kindOf } from "../arguments.ts";
import { bytesPerElement } from "../dtype.ts";
import { GradientError, ValueError } from "../errors.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import { heap } from "../memory/heap.ts";
import { hostStep, refuseHostAccess } from "../observer.ts";
import type { OptionNames } from "../options.ts";
import { checkOptions, optionNames } from "../options.ts";
import { formatShape, sameShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import type { OptimizerGroup, OptimizerOptions, ParametersOrGroups } from "./groups.ts";
import { checkParameters, isGrouped, requireAtLeast } from "./groups.ts";
import type { Schedule } from "./schedules.ts";
import type { OptimizerStateDict } from "./state-dict.ts";
import { readStateDict, writeStateDict } from "./state-dict.ts";
import { requireSameKind, requireStretch } from "./stretch.ts";

/** The state of one parameter: tensors of its shape by name, such as `velocity`. */
export type ParameterState = Readonly<Record<string, Tensor>>;

/** What a subclass says of itself. */
export interface OptimizerRules<Options extends OptimizerOptions> {
  /** Named in errors and state dicts. */
  name: string;
  /** Every option with its default. */
  defaults: Required<Options>;
  /** Throws for options that make no sense. Those that all optimizers have are checked already. */
  check?(group: OptimizerGroup<Options>): void;
  /**
   * What is remembered of each parameter from step to step: state tensors of its shape by name, each with the value that it
   * starts as, or null if the group needs none. Nothing if absent.
   */
  state?(group: OptimizerGroup<Options>): Readonly<Record<string, number | null>>;
}

const ruleNames = optionNames<OptimizerRules<OptimizerOptions>>({
  name: true,
  defaults: true,
  check: true,
  state: true,
});

/** The group of a parameter, and its state. */
export interface Slot {
  group: number;
  /** By name, in the order of the rules; null where the group needs none. */
  state: readonly (readonly [name: string, tensor: Tensor | null])[];
}

/** Elements of one parameter and of what belongs to it, to be read and changed in place. All arrays are equally long. */
export interface ParameterStretch<Options extends OptimizerOptions = OptimizerOptions> {
  /** The weights. */
  readonly w: Float32Array | Float64Array;
  /** Their gradient. */
  readonly g: Float32Array | Float64Array;
  /** State by name. */
  readonly state: Readonly<Record<string, Float32Array | Float64Array>>;
  /** Options of the parameter's group. */
  readonly group: OptimizerGroup<Options>;
  /** The learning rate of this step. */
  readonly lr: number;
}

/**
 * What all optimizers share. `step()` updates every parameter; threads that share the work call `advance()` once and
 * `update(index, from, to)` for their parts, which gives the same bits however the elements are cut.
 *
 * One of your own extends this class, gives its name, defaults and state to `super`, and defines `update`, most easily
 * from `stretch(index, from, to)`. Everything that it remembers is in its state, or follows from `stepCount` (1 in the first
 * step): this is what is saved, resumed, and shared by threads. No element's update depends on another element.
 */
export abstract class Optimizer<Options extends OptimizerOptions = OptimizerOptions> {
  readonly name: string;
  readonly paramGroups: readonly OptimizerGroup<Options>[];
  /** The parameters of all groups, one after another. */
  readonly parameters: readonly Tensor[];
  /** State tensors, one record per parameter. */
  readonly state: readonly ParameterState[];
  /** Updates done so far. */
  stepCount = 0;
  readonly #rules: OptimizerRules<Options>;
  readonly #names: OptionNames;
  readonly #slots: readonly Slot[];

  /**
   * @throws ValueError for options out of range, and for a parameter that is listed twice, was computed, or is a view
   *   that is not contiguous
   * @throws DTypeError for a parameter that is not of floats
   */
  constructor(parameters: ParametersOrGroups<Options>, options: Options, rules: OptimizerRules<Options>) {
    checkOptions("Optimizer", rules, ruleNames);
    this.name = rules.name;
    this.#rules = rules;
    if (!Array.isArray(parameters)) {
      throw new ValueError(
        `${rules.name}: got ${kindOf(parameters)} in place of parameters, expected an array of tensors, such as model.parameters()`,
      );
    }
    const groups: readonly object[] = isGrouped(parameters) ? parameters : [{ params: parameters }];
    this.#names = Object.fromEntries(Object.keys(rules.defaults).map((name) => [name, true]));
    checkOptions(rules.name, options, this.#names);
    this.paramGroups = groups.map(
      (group) => ({ ...rules.defaults, ...options, ...group }) as unknown as OptimizerGroup<Options>,
    );
    this.parameters = this.paramGroups.flatMap(({ params }) => params);
    checkParameters(this.parameters);
    for (const group of this.paramGroups) this.#checkGroup(group);
    const slots = this.paramGroups.flatMap((group, index) =>
      group.params.map((parameter) => makeSlot(parameter, index, rules.state?.(group) ?? {})),
    );
    this.#slots = slots.map(({ slot }) => slot);
    this.state = slots.map(({ state }) => state);
  }

  /** The learning rate of the first group: of the last step, or of the first one if none was done. */
  get lr(): number {
    return this.learningRate(this.paramGroups[0]!);
  }

  /** Sets the learning rate, or the schedule, of all groups. */
  set lr(lr: number | Schedule) {
    refuseHostAccess("setting lr", "set it before the call, or give the optimizer a schedule");
    for (const group of this.paramGroups) {
      const before = group.lr;
      group.lr = lr;
      try {
        this.learningRate(group);
      } catch (error) {
        group.lr = before;
        throw error;
      }
    }
  }

  /**
   * Updates every parameter from its `.grad`, but for frozen ones, which stay as they are, weight decay or not. It counts
   * for all of them: to train what was frozen at first, better make a new optimizer, whose bias correction begins anew.
   *
   * @throws GradientError if a parameter has no gradient, and is not frozen
   */
  step(): void {
    this.advance();
    this.parameters.forEach((parameter, index) => {
      if (!parameter.frozen) this.update(index, 0, parameter.size);
    });
  }

  /** Begins the next step: counts it, and does what it must do once for all parameters. */
  advance(): void {
    hostStep(`advance ${this.name}`, () => {
      this.stepCount++;
      this.prepare();
    });
  }

  /**
   * Updates elements `from` to `to` of parameter `index`. Elements do not depend on each other: every way to cut a
   * parameter into stretches, in any order, gives the same bits.
   *
   * @throws ValueError if there is no such stretch; DTypeError if the parameter's dtype changed since the optimizer was
   * made; GradientError as `step`
   */
  abstract update(index: number, from: number, to: number): void;

  /** Forgets the gradients, so that the next `backward` starts afresh. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.clearGrad();
  }

  /** Everything that a step depends on besides weights and gradients; its tensors are the optimizer's own. */
  stateDict(): OptimizerStateDict {
    return writeStateDict(this, (group) => this.learningRate(group));
  }

  /**
   * Takes over what `stateDict` gave, for an optimizer of the same class over parameters of the same shapes. The
   * tensors are copied; a schedule stays, and goes on from the step that was loaded. Nothing changes if it throws.
   *
   * @throws ValueError naming what is missing, unknown or of another shape
   */
  loadStateDict(dict: OptimizerStateDict): void {
    readStateDict(this, dict, (group) => this.#checkGroup(group));
    this.prepare();
  }

  /** Of the last step of this group, or of the first one if none was done. */
  protected learningRate({ lr }: { lr: number | Schedule }): number {
    const done = Math.max(0, this.stepCount - 1);
    const rate = typeof lr === "function" ? lr(done) : lr;
    requireAtLeast(typeof lr === "function" ? `lr at step ${done}` : "lr", rate, 0);
    return rate;
  }

  /** Called when a step begins, and when a state was loaded: for what does not depend on the parameter. */
  protected prepare(): void {}

  /**
   * Elements `from` to `to` of parameter `index` as arrays, for an update in plain loops.
   *
   * @throws as `update`; CaptureError in a compiled function, which would not do it again
   */
  protected stretch(index: number, from: number, to: number): ParameterStretch<Options> {
    refuseHostAccess(`an update of ${this.name}`, "call step() behind the compiled function");
    const { parameter, gradient, slot } = this.lookUp(index, from, to);
    const view = (x: Tensor) => {
      const start = x.address / bytesPerElement[x.dtype];
      const elements = heap()[x.dtype] as Float32Array | Float64Array;
      return elements.subarray(start + from, start + to);
    };
    const present = slot.state.flatMap(([name, tensor]) => (tensor ? [[name, view(tensor)] as const] : []));
    const group = this.paramGroups[slot.group]!;
    const lr = this.learningRate(group);
    return { w: view(parameter), g: view(gradient), state: Object.fromEntries(present), group, lr };
  }

  /** A parameter, its gradient and its slot, if it has elements `from` to `to`; throws as `update`. */
  protected lookUp(
    index: number,
    from: number,
    to: number,
  ): { parameter: Tensor; gradient: Tensor; slot: Slot } {
    const parameter = requireStretch("update", this.parameters, index, from, to);
    const slot = this.#slots[index]!;
    for (const [, tensor] of slot.state) if (tensor) requireSameKind("optimizer", tensor, parameter);
    return { parameter, gradient: this.#gradientOf(parameter, index), slot };
  }

  #checkGroup(group: OptimizerGroup<Options>): void {
    checkOptions(this.name, group, { ...this.#names, params: true });
    this.learningRate(group);
    this.#rules.check?.(group);
  }

  #gradientOf(parameter: Tensor, index: number): Tensor {
    const { grad, shape, dtype } = parameter;
    const described = `step: parameter ${index} (shape ${formatShape(shape)})`;
    if (!grad) throw new GradientError(`${described} has no gradient; call backward first`);
    if (!sameShape(grad.shape, shape) || grad.dtype !== dtype || !grad.contiguous) {
      throw new GradientError(
        `${described} has a gradient of shape ${formatShape(grad.shape)} and dtype ${grad.dtype}; expected its own shape and ${dtype}, contiguous`,
      );
    }
    return grad;
  }
}

function makeSlot(
  parameter: Tensor,
  group: number,
  initial: Readonly<Record<string, number | null>>,
): { slot: Slot; state: ParameterState } {
  const tensors = Object.entries(initial).map(([name, value]) => {
    if (value === null) return [name, null] as const;
    const tensor = Tensor.allocate(parameter.shape, parameter.dtype, "optimizer").keep();
    kernelsFor(parameter.dtype).fill(tensor.size, value, tensor.address);
    return [name, tensor] as const;
  });
  const present = tensors.filter((entry): entry is [string, Tensor] => entry[1] !== null);
  return { slot: { group, state: tensors }, state: Object.fromEntries(present) };
}
