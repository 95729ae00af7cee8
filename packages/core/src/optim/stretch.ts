// Checks ranges of parameters before an update: kernels check nothing, and would write anywhere.
import { DTypeError, ValueError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** The parameter, if it has elements `from` to `to`. */
export function requireStretch(
  operation: string,
  parameters: readonly Tensor[],
  index: number,
  from: number,
  to: number,
): Tensor {
  const parameter = parameters[index];
  const whole = Number.isInteger(from) && Number.isInteger(to);
  if (!(parameter && whole && 0 <= from && from <= to && to <= parameter.size)) {
    const has = parameter ? `${parameter.size} elements` : `only ${parameters.length} parameters`;
    throw new ValueError(`${operation}: elements ${from} to ${to} of parameter ${index}; there are ${has}`);
  }
  return parameter;
}

/** Throws if the parameter's dtype changed after its state was created. */
export function requireSameKind(owner: string, tensor: Tensor, parameter: Tensor): void {
  if (tensor.dtype === parameter.dtype && tensor.size === parameter.size) return;
  throw new DTypeError(
    `${owner}: made for ${tensor.dtype} ${formatShape(tensor.shape)}, but the parameter is ${parameter.dtype} ${formatShape(parameter.shape)} now; make it after to() or double()`,
  );
}
