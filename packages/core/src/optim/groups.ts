// Parameter groups with their own options, and the checks of both.
import { DTypeError, ValueError } from "../errors.ts";
import { requireTensor } from "../require-tensor.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import type { Schedule } from "./schedules.ts";

/** Options that every optimizer has. */
export interface OptimizerOptions {
  /** Learning rate, or a function that returns it from the number of updates so far. */
  lr?: number | Schedule;
}

/** Some of the parameters with their own options; options not given are the optimizer's. */
export type ParameterGroup<Options> = Options & { readonly params: readonly Tensor[] };

/** What an optimizer updates: a list of parameters, or groups of them. */
export type ParametersOrGroups<Options> = readonly Tensor[] | readonly ParameterGroup<Options>[];

/** A group with every option set, as the optimizer stores it; you may change `lr` between steps. */
export type OptimizerGroup<Options extends OptimizerOptions> = Readonly<Required<Omit<Options, "lr">>> & {
  readonly params: readonly Tensor[];
  lr: number | Schedule;
};

export function isGrouped<Options>(
  parameters: ParametersOrGroups<Options>,
): parameters is readonly ParameterGroup<Options>[] {
  const [first] = parameters;
  return typeof first === "object" && first !== null && "params" in first;
}

/** Throws unless there is at least one, and all are distinct contiguous float leaves. */
export function checkParameters(parameters: readonly Tensor[]): void {
  if (parameters.length === 0) {
    throw new ValueError("optimizer: got no parameters; pass model.parameters()");
  }
  const seen = new Map<Tensor, number>();
  parameters.forEach((parameter, index) => {
    requireTensor("optimizer", parameter, `parameter ${index}`);
    const described = `parameter ${index} (shape ${formatShape(parameter.shape)})`;
    const before = seen.get(parameter);
    if (before !== undefined) {
      throw new ValueError(
        `optimizer: parameters ${before} and ${index} are the same tensor; list each once`,
      );
    }
    seen.set(parameter, index);
    if (parameter.node) {
      throw new ValueError(`optimizer: ${described} was computed by ${parameter.node.op}; expected a leaf`);
    }
    if (!parameter.contiguous) {
      throw new ValueError(
        `optimizer: ${described} is a view that is not contiguous, expected a tensor of its own`,
      );
    }
    if (parameter.dtype !== "float32" && parameter.dtype !== "float64") {
      throw new DTypeError(`optimizer: ${described} is ${parameter.dtype}; expected float32 or float64`);
    }
  });
}

/** Formats a value so that a quoted number is recognizable. */
const written = (value: unknown): string => (typeof value === "string" ? `"${value}"` : String(value));

/** Throws unless `value` is a finite number of at least `least`. */
export function requireAtLeast(name: string, value: number, least: number): void {
  if (!(Number.isFinite(value) && value >= least)) {
    throw new ValueError(`optimizer: ${name} is ${written(value)}, expected a number of at least ${least}`);
  }
}

/** Throws unless `value` is in [0, 1). */
export function requireFraction(name: string, value: number): void {
  if (!(Number.isFinite(value) && value >= 0 && value < 1)) {
    throw new ValueError(`optimizer: ${name} is ${written(value)}, expected a number from 0 to below 1`);
  }
}
