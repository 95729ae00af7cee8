// Formats a tensor for people: its header, and its elements in aligned rows, as NumPy and PyTorch print them. Reads
// only the elements that it shows. Knows nothing of gradients or ops; Tensor.toString is the entry point.
import type { DType } from "./dtype.ts";
import { bytesPerElement, isFloat } from "./dtype.ts";
import { heap } from "./memory/heap.ts";
import type { NestedNumbers, Shape } from "./shape.ts";
import { formatShape, sizeOf } from "./shape.ts";

/** What printing needs to know of a tensor. */
interface Printable {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly dtype: DType;
  readonly size: number;
  readonly address: number;
  readonly requiresGrad: boolean;
  readonly node: { readonly op: string } | null;
}

/** A tensor with more elements than this shows only the first and last `edge` per axis. */
const threshold = 1000;
const edge = 3;
const lineWidth = 80;
const decimals = 4;

/** `Tensor [2,3] float32`, for messages and lists. */
export function describeTensor(x: Omit<Printable, "address">): string {
  const origin = x.requiresGrad ? " requiresGrad" : x.node ? ` from ${x.node.op}` : "";
  return `Tensor ${formatShape(x.shape)} ${x.dtype}${origin}`;
}

/** Flat row-major elements as nested arrays, one level per axis. */
export function nest(values: ArrayLike<number>, shape: Shape): NestedNumbers {
  let next = 0;
  const level = (axis: number): NestedNumbers =>
    axis === shape.length ? values[next++]! : Array.from({ length: shape[axis]! }, () => level(axis + 1));
  return level(0);
}

/** The header and the elements; those of a matrix, or of anything larger, go on lines of their own. */
export function printTensor(x: Printable): string {
  const shortened = x.size > threshold;
  const values = shownValues(x, shortened);
  const format = formatterFor(values, isFloat(x.dtype));
  const rows = x.size === 0 ? "[]" : printAxis(x.shape, 0, values.map(format)[Symbol.iterator](), shortened);
  return `${describeTensor(x)}${rows.includes("\n") ? "\n" : " "}${rows}`;
}

/** The shown indices of an axis. */
function shownPlaces(length: number, shortened: boolean): number[] {
  const places = Array.from({ length: shortened ? Math.min(length, 2 * edge) : length }, (_, i) => i);
  return shortened && length > 2 * edge ? places.map((i) => (i < edge ? i : length - 2 * edge + i)) : places;
}

function shownValues(x: Printable, shortened: boolean): number[] {
  const elements = heap()[x.dtype];
  const first = x.address / bytesPerElement[x.dtype];
  let places = sizeOf(x.shape) === 0 ? [] : [first];
  x.shape.forEach((length, axis) => {
    const steps = shownPlaces(length, shortened).map((place) => place * x.strides[axis]!);
    places = places.flatMap((place) => steps.map((step) => place + step));
  });
  return places.map((place) => elements[place]!);
}

/** One format for all values: integers, equal decimals, or exponents; all of equal width. */
function formatterFor(values: readonly number[], float: boolean): (value: number) => string {
  const finite = values.filter(Number.isFinite);
  const sizes = finite.map(Math.abs).filter((size) => size > 0);
  const most = sizes.reduce((a, b) => Math.max(a, b), 0);
  const least = sizes.reduce((a, b) => Math.min(a, b), most);
  let write = (value: number): string => (Object.is(value, -0) ? "-0" : String(value));
  if (float && (most >= 1e8 || !finite.every(Number.isInteger))) {
    const exponents = most >= 1e8 || least < 1e-4 || most > 1000 * least;
    const fixed = (value: number, digits: number) =>
      exponents ? value.toExponential(digits) : value.toFixed(digits);
    let digits = 0;
    while (digits < decimals && !finite.every((v) => +fixed(v, digits) === +fixed(v, decimals))) digits++;
    write = (value) => (Number.isFinite(value) ? fixed(value, digits) : String(value));
  }
  const width = Math.max(0, ...values.map((value) => write(value).length));
  return (value) => write(value).padStart(width);
}

/** The part of `cells` under `axis`, in brackets; continued lines are indented by `axis` brackets. */
function printAxis(shape: Shape, axis: number, cells: Iterator<string>, shortened: boolean): string {
  if (axis === shape.length) return cells.next().value;
  const length = shape[axis]!;
  const indent = " ".repeat(axis + 1);
  const parts = shownPlaces(length, shortened).map(() => printAxis(shape, axis + 1, cells, shortened));
  if (shortened && length > 2 * edge) parts.splice(edge, 0, "…");
  if (axis < shape.length - 1) {
    // A blank line separates matrices, two separate stacks of them, and so on.
    const gap = "\n".repeat(shape.length - 1 - axis);
    return `[${parts.join(`,${gap}${indent}`)}]`;
  }
  const perLine = Math.max(1, Math.floor((lineWidth - indent.length) / (parts[0]!.length + 2)));
  const lines: string[] = [];
  for (let i = 0; i < parts.length; i += perLine) lines.push(parts.slice(i, i + perLine).join(", "));
  return `[${lines.join(`,\n${indent}`)}]`;
}
