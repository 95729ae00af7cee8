// What all optimizers share: parameter groups, state, and updates of any range of any parameter, so that several
// threads can share one update. Subclasses define the update: the library's own call kernels (kernel-optimizer.ts),
// others use plain loops. Groups are in groups.ts, saving and loading in state-dict.ts.

import { kindOf } from "../arguments.ts";
import { bytesPerElement } from "../dtype.ts";
import { GradientError, ValueError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { hostStep, refuseHostAccess } from "../observer.ts";
import { fill } from "../ops/create/create.ts";
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

/** What a subclass declares. */
export interface OptimizerRules<Options extends OptimizerOptions> {
  /** The name in errors and state dicts. */
  name: string;
  /** Every option with its default. */
  defaults: Required<Options>;
  /** Throws for invalid options. Those that all optimizers share are already checked. */
  check?(group: OptimizerGroup<Options>): void;
  /**
   * The state of each parameter: tensors of its shape by name, each with its initial value, or null if the group needs
   * none. Default: no state.
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
  /** By name, in the order of the rules; null if the group needs none. */
  state: readonly (readonly [name: string, tensor: Tensor | null])[];
}

/** Elements of one parameter with its gradient and state, to read and to change in place. All arrays have the same length. */
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
 * What all optimizers share. `step()` updates every parameter. Threads that share the work call `advance()` once and
 * `update(index, from, to)` for their parts, with the same bits however the elements are divided.
 *
 * To write an optimizer, extend this class, pass its name, defaults and state to `super`, and define `update`, most
 * easily with `stretch(index, from, to)`. It must keep nothing outside its state and `stepCount` (1 in the first step):
 * these are saved, resumed, and shared by threads. No element's update may depend on another element.
 */
export abstract class Optimizer<Options extends OptimizerOptions = OptimizerOptions> {
  readonly name: string;
  readonly paramGroups: readonly OptimizerGroup<Options>[];
  /** The parameters of all groups, in order. */
  readonly parameters: readonly Tensor[];
  /** State tensors, one record per parameter. */
  readonly state: readonly ParameterState[];
  /** Updates done so far. */
  stepCount = 0;
  readonly #rules: OptimizerRules<Options>;
  readonly #names: OptionNames;
  readonly #slots: readonly Slot[];

  /**
   * @throws ValueError for options out of range, and for a parameter that is listed twice, was computed, or is a
   *   non-contiguous view
   * @throws DTypeError for a parameter that is not float
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

  /** The learning rate of the first group in the last step; before any step, that of the first one. */
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
   * Updates every parameter from its `.grad`. Frozen ones do not change, even with weight decay, but the step counts
   * for all. To train a parameter that was frozen at first, better create a new optimizer: its bias correction then
   * starts over.
   *
   * @throws GradientError if a parameter has no gradient and is not frozen
   */
  step(): void {
    this.advance();
    this.parameters.forEach((parameter, index) => {
      if (!parameter.frozen) this.update(index, 0, parameter.size);
    });
  }

  /** Begins the next step: counts it, and does the work that happens once for all parameters. */
  advance(): void {
    hostStep(`advance ${this.name}`, () => {
      this.stepCount++;
      this.prepare();
    });
  }

  /**
   * Updates elements `from` to `to` of parameter `index`. Elements are independent: any division into ranges, in any
   * order, gives the same bits.
   *
   * @throws ValueError if there is no such range; DTypeError if the parameter's dtype has changed since the optimizer
   * was created; GradientError like `step`
   */
  abstract update(index: number, from: number, to: number): void;

  /** Clears the gradients, so that the next `backward` starts afresh. */
  zeroGrad(): void {
    for (const parameter of this.parameters) parameter.clearGrad();
  }

  /** Everything that a step depends on besides weights and gradients; the tensors are the optimizer's own. */
  stateDict(): OptimizerStateDict {
    return writeStateDict(this, (group) => this.learningRate(group));
  }

  /**
   * Loads the result of `stateDict` from an optimizer of the same class over parameters of the same shapes. Copies the
   * tensors. Keeps schedules, which continue from the loaded step. If it throws, nothing changes.
   *
   * @throws ValueError that names what is missing, unknown or of another shape
   */
  loadStateDict(dict: OptimizerStateDict): void {
    readStateDict(this, dict, (group) => this.#checkGroup(group));
    this.prepare();
  }

  /** The group's learning rate in the last step; before any step, that of the first one. */
  protected learningRate({ lr }: { lr: number | Schedule }): number {
    const done = Math.max(0, this.stepCount - 1);
    const rate = typeof lr === "function" ? lr(done) : lr;
    requireAtLeast(typeof lr === "function" ? `lr at step ${done}` : "lr", rate, 0);
    return rate;
  }

  /** Called when a step begins, and after loading a state, for work that does not depend on the parameter. */
  protected prepare(): void {}

  /**
   * Elements `from` to `to` of parameter `index` as arrays, for an update in plain loops.
   *
   * @throws like `update`; CaptureError in a compiled function, because a replay would not repeat the loop
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

  /** A parameter, its gradient and its slot, after checking the range `from` to `to`; throws like `update`. */
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
    // Called for every parameter in every step, so nothing is formatted unless it is needed.
    const described = () => `step: parameter ${index} (shape ${formatShape(shape)})`;
    if (!grad) throw new GradientError(`${described()} has no gradient; call backward first`);
    if (!sameShape(grad.shape, shape) || grad.dtype !== dtype || !grad.contiguous) {
      throw new GradientError(
        `${described()} has a gradient of shape ${formatShape(grad.shape)} and dtype ${grad.dtype}; expected its own shape and ${dtype}, contiguous`,
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
    fill(tensor, value);
    return [name, tensor] as const;
  });
  const present = tensors.filter((entry): entry is [string, Tensor] => entry[1] !== null);
  return { slot: { group, state: tensors }, state: Object.fromEntries(present) };
}
