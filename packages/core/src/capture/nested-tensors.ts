// The arguments and results of compiled functions: tensors, arrays and plain objects of them, and other values. Knows
// nothing of recordings.
import { CaptureError } from "../errors.ts";
import { moveKernels } from "../kernels/families.ts";
import { formatShape, sameShape } from "../shape.ts";
import { copyStrided } from "../strided-copy.ts";
import { Tensor } from "../tensor.ts";

const isPlain = (value: object): value is Record<string, unknown> =>
  Object.getPrototypeOf(value) === Object.prototype;

/** True if a recording for arguments like `own` also serves `value`: only elements of its tensors may differ. */
export function isLike(value: unknown, own: unknown): boolean {
  if (value instanceof Tensor) {
    if (!(own instanceof Tensor) || value.dtype !== own.dtype) return false;
    return value.requiresGrad === own.requiresGrad && sameShape(value.shape, own.shape);
  }
  if (typeof value !== "object" || value === null) return Object.is(value, own);
  if (Array.isArray(value)) {
    return (
      Array.isArray(own) && value.length === own.length && value.every((part, i) => isLike(part, own[i]))
    );
  }
  if (!isPlain(value)) return value === own;
  if (typeof own !== "object" || own === null || !isPlain(own)) return false;
  const names = Object.keys(value);
  if (names.length !== Object.keys(own).length) return false;
  return names.every((name) => Object.hasOwn(own, name) && isLike(value[name], own[name]));
}

/** Copies the elements of the tensors in `value` to those in `own`, which matches it. */
export function load(value: unknown, own: unknown): void {
  if (value instanceof Tensor) loadTensor(value, own as Tensor);
  else if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) load(value[i], (own as unknown[])[i]);
  } else if (typeof value === "object" && value !== null && isPlain(value)) {
    for (const name of Object.keys(value)) load(value[name], (own as Record<string, unknown>)[name]);
  }
}

function loadTensor(x: Tensor, own: Tensor): void {
  if (x.node !== null) {
    throw new CaptureError(
      `compile: argument of shape ${formatShape(x.shape)} was computed from something that requires a gradient, which cannot flow out of a compiled function; detach it`,
    );
  }
  // In one call if possible, which avoids the garbage of walking over axes.
  if (x.contiguous && x.dtype !== "uint8") {
    moveKernels(x.dtype).copy(1, 1, 1, x.size, x.address, 0, 0, 0, 1, own.address, 0, 0, 0, 1);
  } else copyStrided(x, own);
}

/** Shapes and values of the arguments, for an error. */
export function describe(value: unknown): string {
  if (value instanceof Tensor) return `${value.dtype} ${formatShape(value.shape)}`;
  if (Array.isArray(value)) return `[${value.map(describe).join(", ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  if (!isPlain(value)) return value.constructor?.name ?? "object";
  return `{ ${Object.entries(value)
    .map(([name, part]) => `${name}: ${describe(part)}`)
    .join(", ")} }`;
}

/** The same value with every tensor in it replaced. */
export function mapTensors(value: unknown, replace: (x: Tensor) => Tensor): unknown {
  if (value instanceof Tensor) return replace(value);
  if (Array.isArray(value)) return value.map((element) => mapTensors(element, replace));
  if (typeof value !== "object" || value === null || !isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, mapTensors(part, replace)]));
}

/** Throws unless the result consists of tensors that need no graph. */
export function checkResult(value: unknown): void {
  if (value === undefined || value === null) return;
  if (value instanceof Tensor) {
    if (value.node === null || value.node.released) return;
    throw new CaptureError(
      "compile: the result still has a graph, which replays do not build; call backward or grad inside the compiled function, or compute inside noGrad",
    );
  }
  if (Array.isArray(value)) {
    for (const element of value) checkResult(element);
  } else if (typeof value === "object" && isPlain(value)) {
    for (const part of Object.values(value)) checkResult(part);
  } else {
    throw new CaptureError(
      `compile: the function returned ${typeof value === "object" ? value.constructor?.name : `the ${typeof value} ${String(value)}`}, which would be the same in every replay; return tensors, in arrays or objects if there are several`,
    );
  }
}

/** The result in new tensors for the caller. */
export function handOut(result: unknown): unknown {
  return mapTensors(result, (x) => {
    const y = Tensor.allocate(x.shape, x.dtype, "compiled");
    copyStrided(x, y);
    return y;
  });
}
