// What all optimizers share: parameters in groups, state, and stepping over any stretch of any parameter, which is
// what lets several threads share one update. Groups are in groups.ts, saving and loading in state-dict.ts.

import { hostStep, outsideOfCapture, refuseHostAccess } from "../capture/observer.ts";
import { bytesPerElement } from "../dtype.ts";
import { GradientError } from "../errors.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import type { Kernels } from "../kernels/table.ts";
import { heap } from "../memory/heap.ts";
import type { OptionNames } from "../options.ts";
import { checkOptions } from "../options.ts";
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
  check(group: OptimizerGroup<Options>): void;
  /** The state tensors in the order of the kernel's arguments: initial value, or null if the group needs none. */
  state(group: OptimizerGroup<Options>): Readonly<Record<string, number | null>>;
}

/** Room for the numbers that one kernel call reads: a cache line of float32. */
const cellCount = 16;

interface Slot {
  group: number;
  /** In the order of the kernel's arguments; null where the group needs none. */
  state: readonly (Tensor | null)[];
}

/**
 * What all optimizers share. `step()` updates every parameter; threads that share the work call `advance()` once and
 * `update(index, from, to)` for their parts, which gives the same bits however the elements are cut.
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
  /** Of each group, by dtype. */
  readonly #cells: readonly Map<string, Tensor>[];

  /**
   * @throws ValueError for options out of range, and for a parameter that is listed twice, was computed, or is a view
   *   that is not contiguous
   * @throws DTypeError for a parameter that is not of floats
   */
  constructor(parameters: ParametersOrGroups<Options>, options: Options, rules: OptimizerRules<Options>) {
    this.name = rules.name;
    this.#rules = rules;
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
      group.params.map((parameter) => makeSlot(parameter, index, rules.state(group))),
    );
    this.#slots = slots.map(({ slot }) => slot);
    this.state = slots.map(({ state }) => state);
    this.#cells = this.paramGroups.map(() => new Map());
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
   * Updates every parameter from its `.grad`.
   *
   * @throws GradientError if a parameter has no gradient
   */
  step(): void {
    this.advance();
    this.parameters.forEach((parameter, index) => {
      this.update(index, 0, parameter.size);
    });
  }

  /** Begins the next step: counts it and writes what changes from step to step where the kernels read it. */
  advance(): void {
    hostStep(`advance ${this.name}`, () => {
      this.stepCount++;
      this.#writeAllCells();
    });
  }

  /**
   * Updates elements `from` to `to` of parameter `index`. Elements do not depend on each other.
   *
   * @throws ValueError if there is no such stretch; DTypeError if the parameter's dtype changed since the optimizer was
   * made; GradientError as `step`
   */
  update(index: number, from: number, to: number): void {
    const parameter = requireStretch("update", this.parameters, index, from, to);
    const { group, state } = this.#slots[index]!;
    for (const tensor of state) if (tensor) requireSameKind("optimizer", tensor, parameter);
    const start = from * bytesPerElement[parameter.dtype];
    this.apply(
      kernelsFor(parameter.dtype),
      to - from,
      parameter.address + start,
      this.#gradientOf(parameter, index).address + start,
      state.map((tensor) => (tensor ? tensor.address + start : 0)),
      this.#cellsFor(group, parameter).address,
    );
  }

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
    this.#writeAllCells();
  }

  /** Of the last step of this group, or of the first one if none was done. */
  protected learningRate({ lr }: { lr: number | Schedule }): number {
    const done = Math.max(0, this.stepCount - 1);
    const rate = typeof lr === "function" ? lr(done) : lr;
    requireAtLeast(typeof lr === "function" ? `lr at step ${done}` : "lr", rate, 0);
    return rate;
  }

  /** What the kernel reads besides tensors, for the current step: at most sixteen numbers. */
  protected abstract cellValues(group: OptimizerGroup<Options>, lr: number): readonly number[];

  /** Calls the kernel on `n` elements at the given addresses; a state that is not there has address 0. */
  protected abstract apply(
    kernels: Kernels,
    n: number,
    w: number,
    g: number,
    state: readonly number[],
    cells: number,
  ): void;

  #checkGroup(group: OptimizerGroup<Options>): void {
    checkOptions(this.name, group, { ...this.#names, params: true });
    this.learningRate(group);
    this.#rules.check(group);
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

  #cellsFor(group: number, { dtype }: Tensor): Tensor {
    const byType = this.#cells[group]!;
    let cells = byType.get(dtype);
    if (!cells) {
      cells = outsideOfCapture(() => {
        const made = Tensor.allocate([cellCount], dtype, "optimizer").keep();
        this.#writeCells(made, this.paramGroups[group]!);
        return made;
      });
      byType.set(dtype, cells);
    }
    return cells;
  }

  #writeAllCells(): void {
    this.#cells.forEach((byType, index) => {
      for (const cells of byType.values()) this.#writeCells(cells, this.paramGroups[index]!);
    });
  }

  #writeCells(cells: Tensor, group: OptimizerGroup<Options>): void {
    const numbers = heap()[cells.dtype];
    let at = cells.address / bytesPerElement[cells.dtype];
    for (const value of this.cellValues(group, this.learningRate(group))) numbers[at++] = value;
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
  return { slot: { group, state: tensors.map(([, tensor]) => tensor) }, state: Object.fromEntries(present) };
}
