// Normalizations over rows. Moments and other sums as in sums.ts. Each operation is rounded.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { clearTotals, moveToTotals, writeTotals } from "../loops/column-sums.ts";
import type { Elements } from "../loops/elements.ts";
import { fillWith, overElements } from "../loops/elements.ts";
import { byteStep, copyOf, overRows } from "../loops/row-loops.ts";
import { sumOverRow } from "../loops/sums.ts";

/**
 * What is measured of a row: the mean in two parts, and 1/√(variance + eps). The second part is the rounding error of the
 * first (a mean of 1000 would cost 3e-5 of each result).
 */
interface Moments {
  readonly center: Variable;
  readonly lost: Variable;
  readonly scale: Variable;
}

interface Rows {
  readonly cols: Variable;
  /** 1 / cols */
  readonly share: Variable;
  readonly eps: Variable;
}

function rowsOf(k: Recorder, cols: Variable, eps: Variable): Rows {
  return { cols, eps, share: k.variable("d", k.div(1, k.do("d.splatI", cols))) };
}

function measure(k: Recorder, { cols, share, eps }: Rows, x: Variable, isCentered: boolean): Moments {
  const [center, lost] = [k.variable("v", 0), k.variable("v", 0)];
  const variance = k.variable("d");
  const isUnrolled = true;
  if (isCentered) {
    const [sum] = sumOverRow(k, cols, [copyOf(k, x)], 1, ({ load }) => [load(0)], { isUnrolled });
    k.set(center, k.do("v.round", k.mul(sum!, share)));
    const terms = ({ load, present }: Elements) => {
      const distance = present(k.sub(load(0), center));
      return [distance, k.mul(distance, distance)];
    };
    const [distances, squares] = sumOverRow(k, cols, [copyOf(k, x)], 2, terms, { isUnrolled });
    const off = k.mul(distances!, share);
    k.set(lost, k.do("v.round", off));
    k.set(variance, k.do("d.pmax", k.sub(k.mul(squares!, share), k.mul(off, off)), 0));
  } else {
    const terms = ({ load }: Elements) => {
      const v = load(0);
      return [k.mul(v, v)];
    };
    const [squares] = sumOverRow(k, cols, [copyOf(k, x)], 1, terms, { isUnrolled });
    k.set(variance, k.mul(squares!, share));
  }
  const scale = k.variable("v", k.div(1, k.sqrt(k.add(k.do("v.round", variance), eps))));
  return { center, lost, scale };
}

/** ((x - mean) - lost)·scale */
function normal(k: Recorder, isCentered: boolean, x: Value, { center, lost, scale }: Moments): Value {
  return k.mul(isCentered ? k.sub(k.sub(x, center), lost) : x, scale);
}

/** A number for each column, or one for all where the address is 0. */
class PerColumn {
  readonly #k: Recorder;
  readonly #address: Variable;
  readonly #current: Variable;

  constructor(k: Recorder, address: Variable, other: number) {
    this.#k = k;
    this.#address = address;
    this.#current = k.variable("v", other);
  }

  /** An address for a row; to be moved. */
  start(): Variable {
    return copyOf(this.#k, this.#address);
  }

  /** The next numbers, from the array that begins at `start`. */
  load({ load }: Elements, array: number): Variable {
    this.#k.if(this.#k.ne(this.#address, 0), () => this.#k.set(this.#current, load(array)));
    return this.#current;
  }
}

interface Norm {
  readonly rows: Variable;
  readonly cols: Variable;
  readonly eps: Variable;
  readonly centered: Variable;
}

/** The same for rows that are centered and for others, each with its own loops. */
function either(k: Recorder, { centered }: Norm, record: (isCentered: boolean) => void): void {
  k.if(
    centered,
    () => record(true),
    () => record(false),
  );
}

function rowNorm(k: Recorder, norm: Norm, x: Variable, weight: Variable, bias: Variable, y: Variable): void {
  const { rows, cols, eps } = norm;
  const row = rowsOf(k, cols, eps);
  const step = byteStep(k, cols);
  // Adding -0 changes nothing, not even the sign of a zero.
  const [weights, biases] = [new PerColumn(k, weight, 1), new PerColumn(k, bias, -0)];
  either(k, norm, (isCentered) =>
    overRows(
      k,
      rows,
      [
        [x, step],
        [y, step],
      ],
      () => {
        const moments = measure(k, row, x, isCentered);
        const arrays = [copyOf(k, x), weights.start(), biases.start(), copyOf(k, y)];
        overElements(k, cols, arrays, (elements) => {
          const n = normal(k, isCentered, elements.load(0), moments);
          elements.store(3, k.add(k.mul(n, weights.load(elements, 1)), biases.load(elements, 2)));
        });
      },
    ),
  );
}

function rowNormGrad(
  k: Recorder,
  norm: Norm,
  dy: Variable,
  x: Variable,
  weight: Variable,
  dx: Variable,
): void {
  const { rows, cols, eps } = norm;
  const row = rowsOf(k, cols, eps);
  const step = byteStep(k, cols);
  const weights = new PerColumn(k, weight, 1);
  either(k, norm, (isCentered) =>
    overRows(
      k,
      rows,
      [dy, x, dx].map((address) => [address, step] as const),
      () => {
        const moments = measure(k, row, x, isCentered);
        const gradientOf = (elements: Elements) => k.mul(elements.load(0), weights.load(elements, 2));
        const inputs = () => [copyOf(k, dy), copyOf(k, x), weights.start()];
        const sums = sumOverRow(k, cols, inputs(), isCentered ? 2 : 1, (elements) => {
          // In lanes past the end dy is 0, so g is 0 and they add nothing.
          const g = gradientOf(elements);
          const along = k.mul(g, normal(k, isCentered, elements.load(1), moments));
          return isCentered ? [along, g] : [along];
        });
        const [meanAlong, mean] = sums.map((sum) => k.variable("v", k.do("v.round", k.mul(sum, row.share))));
        overElements(k, cols, [...inputs(), copyOf(k, dx)], (elements) => {
          const g = gradientOf(elements);
          const along = k.mul(normal(k, isCentered, elements.load(1), moments), meanAlong!);
          elements.store(3, k.mul(k.sub(mean ? k.sub(g, mean) : g, along), moments.scale));
        });
      },
    ),
  );
}

/** How many columns of float64 totals fit into the scratch memory, and how many rows are first added up in float32. */
const widest = 16384;
const rowsInFloat32 = 16;

function rowNormGradWeight(k: Recorder, norm: Norm, dy: Variable, x: Variable, dw: Variable): void {
  const { rows, cols, eps } = norm;
  const row = rowsOf(k, cols, eps);
  const step = byteStep(k, cols);
  const totals = k.variable("near", k.scratch());
  const start = k.variable("i32", 0);
  k.while(
    () => k.lt(start, cols),
    () => {
      const count = k.variable("i32", k.min(k.sub(cols, start), widest));
      const at = k.variable("ptr", k.shl(k.do("to.ptr", start), 2));
      const sums = k.variable("ptr", k.add(dw, at));
      clearTotals(k, count, totals);
      fillWith(k, count, sums, 0);
      either(k, norm, (isCentered) => {
        const [p, q] = [copyOf(k, dy), copyOf(k, x)];
        overRows(
          k,
          rows,
          [
            [p, step],
            [q, step],
          ],
          (index) => {
            const moments = measure(k, row, q, isCentered);
            const arrays = [
              k.variable("ptr", k.add(p, at)),
              k.variable("ptr", k.add(q, at)),
              copyOf(k, sums),
            ];
            overElements(k, count, arrays, ({ load, store }) =>
              store(2, k.add(load(2), k.mul(load(0), normal(k, isCentered, load(1), moments)))),
            );
            const isLast = k.eq(k.and(index, rowsInFloat32 - 1), rowsInFloat32 - 1);
            k.if(isLast, () => moveToTotals(k, count, sums, totals));
          },
        );
      });
      moveToTotals(k, count, sums, totals);
      writeTotals(k, count, totals, sums);
      k.increase(start, widest);
    },
  );
}

const normParameters = ["i32", "i32", "f32", "i32", "ptr", "ptr", "ptr"] as const;
type Seven = [...[Variable, Variable, Variable, Variable], ...[Variable, Variable, Variable]];
const normOf = ([rows, cols, eps, centered]: Seven): Norm => ({ rows, cols, eps, centered });

export const norm: readonly Definition[] = [
  defineKernel("rowNorm", [...normParameters, "ptr"], (k, ...given) => {
    const [, , , , x, weight, bias, y] = given as [...Seven, Variable];
    rowNorm(k, normOf(given as Seven), x, weight, bias, y);
  }),
  defineKernel("rowNormGrad", [...normParameters, "ptr"], (k, ...given) => {
    const [, , , , dy, x, weight, dx] = given as [...Seven, Variable];
    rowNormGrad(k, normOf(given as Seven), dy, x, weight, dx);
  }),
  defineKernel(
    "rowNormGradWeight",
    normParameters,
    (k, ...given) => {
      const [, , , , dy, x, dw] = given as Seven;
      rowNormGradWeight(k, normOf(given as Seven), dy, x, dw);
    },
    () => 8 * (widest + 16),
  ),
];
