// Products of tensors whose axes have letters as names: einsum, and its most common case, outer. Permutes and reshapes
// two operands at a time into one matrix product; gradients come from the ops that it uses.
import { kindOf } from "../../arguments.ts";
import { ShapeError, ValueError } from "../../errors.ts";
import { commonDType, requireTensor } from "../../require-tensor.ts";
import { broadcastShapes, formatShape, reshapeStrides } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { mul } from "../arithmetic/arithmetic.ts";
import { where } from "../arithmetic/where.ts";
import { widened } from "../create/cast.ts";
import { eye } from "../create/sequences.ts";
import { reshape, sum } from "../shape/broadcast.ts";
import { permute, transpose } from "../shape/shape.ts";
import { matmul } from "./matmul.ts";

/** One name per axis: a letter; for an axis of an ellipsis, a dot and its position from the right. */
type Labels = readonly string[];

interface Named {
  x: Tensor;
  labels: Labels;
}

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1);
const without = (labels: Labels, others: Labels) => labels.filter((label) => !others.includes(label));
const common = (labels: Labels, others: Labels) => labels.filter((label) => others.includes(label));
const unique = (labels: Labels) => [...new Set(labels)];

function fail(equation: string, reason: string): never {
  throw new ValueError(`einsum: "${equation}" ${reason}`);
}

/** Names for a term such as `b...ij`, whose ellipsis stands for `axes` axes. */
function labelsOf(term: string, axes: number): string[] {
  const [before = "", after = ""] = term.split("...");
  const between = Array.from({ length: axes }, (_, i) => `.${axes - i}`);
  return [...before, ...(term.includes("...") ? between : []), ...after];
}

function nameAxes(equation: string, term: string, x: Tensor): Named {
  const letters = term.replace("...", "").length;
  if (term.includes("...") ? letters > x.rank : letters !== x.rank) {
    throw new ShapeError(
      `einsum: "${equation}" names ${letters} axes in "${term}", but the operand has shape ${formatShape(x.shape)}; ` +
        "name each axis, or use an ellipsis",
    );
  }
  return { x, labels: labelsOf(term, x.rank - letters) };
}

/** Names of the result: as given, or the axes of the ellipsis and then all letters that occur once, sorted. */
function outputLabels(equation: string, output: string | undefined, operands: readonly Named[]): string[] {
  const all = operands.flatMap(({ labels }) => labels);
  const ellipsis = unique(all.filter((label) => label.startsWith("."))).length;
  if (output === undefined) {
    const once = all.filter(
      (label) => !label.startsWith(".") && all.indexOf(label) === all.lastIndexOf(label),
    );
    return [...labelsOf("...", ellipsis), ...once.sort()];
  }
  const labels = labelsOf(output, ellipsis);
  for (const [i, label] of labels.entries()) {
    if (!all.includes(label))
      fail(equation, `has "${label}" in the result only; it must name an axis of an operand`);
    if (labels.indexOf(label) !== i)
      fail(equation, `has "${label}" twice in the result; name each axis once`);
  }
  return labels;
}

/** The length of each named axis. Axes of length 1 broadcast. */
function sizesOf(equation: string, operands: readonly Named[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const { x, labels } of operands) {
    for (const [axis, label] of labels.entries()) {
      const length = x.shape[axis]!;
      const known = sizes.get(label) ?? 1;
      const diagonal = x.shape[labels.indexOf(label)]!;
      if ((known !== length && known !== 1 && length !== 1) || diagonal !== length) {
        throw new ShapeError(
          `einsum: "${equation}" gives axis ${axis} of ${formatShape(x.shape)} the name "${label}", ` +
            `which has length ${known === length ? diagonal : known} elsewhere; axes of one name must be equally long`,
        );
      }
      if (length !== 1 || known === 1) sizes.set(label, length);
    }
  }
  return sizes;
}

/** Sums over all axes except those in `keep`. */
function sumOut({ x, labels }: Named, keep: Labels): Named {
  const gone = labels.flatMap((label, axis) => (keep.includes(label) ? [] : [axis]));
  return gone.length === 0 ? { x, labels } : { x: sum(x, gone), labels: common(labels, keep) };
}

/** Drops axes of length 1 that are longer in another operand, and takes the diagonal of axes with the same name. */
function simplify({ x, labels }: Named, sizes: ReadonlyMap<string, number>): Named {
  const kept = labels.map((label, axis) => x.shape[axis] === sizes.get(label));
  let result: Named = {
    x: kept.every(Boolean)
      ? x
      : reshape(
          x,
          x.shape.filter((_, axis) => kept[axis]),
        ),
    labels: labels.filter((_, axis) => kept[axis]),
  };
  for (const label of unique(result.labels)) {
    while (result.labels.indexOf(label) !== result.labels.lastIndexOf(label))
      result = diagonal(result, label);
  }
  return result;
}

/** Takes the diagonal of the first and the last axis of one name. */
function diagonal({ x, labels }: Named, label: string): Named {
  const first = labels.indexOf(label);
  const last = labels.lastIndexOf(label);
  const n = x.shape[first]!;
  const mask = reshape(
    eye(n, { dtype: x.dtype }),
    x.shape.map((_, axis) => (axis === first || axis === last ? n : 1)),
  );
  return { x: sum(where(mask, x, 0), last), labels: labels.toSpliced(last, 1) };
}

/** A view with the axes in the order of `labels`; missing ones have length 1. */
function align({ x, labels }: Named, order: Labels): Tensor {
  const ordered = permute(
    x,
    common(order, labels).map((label) => labels.indexOf(label)),
  );
  if (labels.length === order.length) return ordered;
  return reshape(
    ordered,
    order.map((label) => (labels.includes(label) ? x.shape[labels.indexOf(label)]! : 1)),
  );
}

/** A batch of matrices `[…batch, rows, cols]` from axes by name. */
function matrices({ x, labels }: Named, batch: Labels, rows: Labels, cols: Labels): Tensor {
  const axes = (order: Labels) => order.map((label) => labels.indexOf(label));
  const sizes = (order: Labels) => axes(order).map((axis) => x.shape[axis]!);
  const joined = [...sizes(batch), product(sizes(rows)), product(sizes(cols))];
  const straight = [...batch, ...rows, ...cols];
  const turned = [...batch, ...cols, ...rows];
  const isView = (order: Labels, shape: readonly number[]) =>
    reshapeStrides(
      sizes(order),
      axes(order).map((axis) => x.strides[axis]!),
      shape,
    ) !== undefined;
  // Axes that cannot be merged in place need a copy; the other order may not.
  const turnedShape = [...joined.slice(0, -2), joined.at(-1)!, joined.at(-2)!];
  if (!isView(straight, joined) && isView(turned, turnedShape)) {
    return transpose(reshape(permute(x, axes(turned)), turnedShape));
  }
  return reshape(permute(x, axes(straight)), joined);
}

/** The product of two operands, summed over all names except those in `keep`. */
function contract(left: Named, right: Named, keep: Labels): Named {
  const a = sumOut(left, [...keep, ...right.labels]);
  const b = sumOut(right, [...keep, ...left.labels]);
  const shared = common(a.labels, b.labels);
  const batch = common(shared, keep);
  const summed = without(shared, keep);
  const rows = without(a.labels, shared);
  const cols = without(b.labels, shared);
  const labels = [...batch, ...rows, ...cols];
  if (summed.length === 0 || labels.length === batch.length) {
    const order = [...labels, ...summed];
    return sumOut({ x: mul(align(a, order), align(b, order)), labels: order }, keep);
  }
  const y = matmul(matrices(a, batch, rows, summed), matrices(b, batch, summed, cols));
  const length = (label: string) =>
    a.labels.includes(label) ? a.x.shape[a.labels.indexOf(label)]! : b.x.shape[b.labels.indexOf(label)]!;
  return { x: reshape(y, labels.map(length)), labels };
}

/**
 * Einstein summation: the product of all operands, summed over every name that is not in the result. `"ij,jk->ik"` is a
 * matrix product, `"bii->bi"` the diagonals of a batch, `"...ij->...ji"` a transpose. Without `->`, the result has the
 * axes of the ellipsis and then all letters that occur once, sorted. Axes of length 1 broadcast against longer axes of
 * the same name. Operands are multiplied from left to right.
 *
 * For uint8, the result is int32.
 *
 * @throws ValueError if the equation is invalid; ShapeError if the operands do not match it; DTypeError
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  if (typeof equation !== "string") {
    throw new ValueError(`einsum: the equation is ${kindOf(equation)}, expected text, such as "ij,jk->ik"`);
  }
  operands.forEach((x, index) => {
    requireTensor("einsum", x, `operand ${index}`);
  });
  const [inputs = "", output, ...more] = equation.replaceAll(" ", "").split("->");
  const terms = inputs.split(",");
  for (const term of [...terms, output ?? ""]) {
    if (/^[a-zA-Z]*(\.\.\.)?[a-zA-Z]*$/.test(term)) continue;
    fail(equation, `has the term "${term}", expected letters and at most one ellipsis`);
  }
  if (more.length > 0) fail(equation, "has more than one arrow, expected at most one");
  if (terms.length !== operands.length) {
    fail(equation, `has ${terms.length} terms for ${operands.length} operands; write one term for each`);
  }
  commonDType("einsum", operands);
  const named = terms.map((term, i) => nameAxes(equation, term, widened(operands[i]!)));
  const result = outputLabels(equation, output, named);
  const sizes = sizesOf(equation, named);
  const [first, ...rest] = named.map((operand) => simplify(operand, sizes));
  let all = first!;
  for (const [i, next] of rest.entries()) {
    const later = rest.slice(i + 1).flatMap(({ labels }) => labels);
    all = contract(all, next, [...result, ...later]);
  }
  return align(sumOut(all, result), result);
}

/**
 * Outer product of vectors, `y[…,i,j] = a[…,i] b[…,j]`: `a […,m]`, `b […,n]`, `y […,m,n]`; leading axes broadcast.
 *
 * @throws ShapeError if an operand is a scalar, or the leading axes do not broadcast; DTypeError
 */
export function outer(a: Tensor, b: Tensor): Tensor {
  requireTensor("outer", a, "a");
  requireTensor("outer", b, "b");
  if (a.rank === 0 || b.rank === 0) {
    throw new ShapeError(
      `outer: got ${formatShape(a.shape)} and ${formatShape(b.shape)}, expected vectors; use mul for scalars`,
    );
  }
  commonDType("outer", [a, b]);
  broadcastShapes("outer", a.shape.slice(0, -1), b.shape.slice(0, -1));
  return mul(reshape(a, [...a.shape, 1]), reshape(b, [...b.shape.slice(0, -1), 1, b.shape.at(-1)!]));
}
