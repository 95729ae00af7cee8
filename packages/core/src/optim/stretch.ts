// What guards updates of stretches of parameters: kernels check nothing, and would write wherever they are sent.
import { DTypeError, ValueError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** The parameter, if elements `from` to `to` of it exist. */
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

/** Throws if the parameter was converted to another dtype after the tensor that belongs to it was made. */
export function requireSameKind(owner: string, tensor: Tensor, parameter: Tensor): void {
  if (tensor.dtype === parameter.dtype && tensor.size === parameter.size) return;
  throw new DTypeError(
    `${owner}: made for ${tensor.dtype} ${formatShape(tensor.shape)}, but the parameter is ${parameter.dtype} ${formatShape(parameter.shape)} now; make it after to() or double()`,
  );
}
