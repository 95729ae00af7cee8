// float32 matrix product for any strides, after GotoBLAS and BLIS (https://doi.org/10.1145/1356052.1356053). Loops cut
// B, then A, into blocks that stay in the caches; the innermost loop keeps one tile of C in registers (gemm-tile.ts). Each
// element of C is one chain of `madd` in the order of k, begun from D or from 0: so its bits depend on its row of A, its
// column of B and its own beginning alone, whatever the tile, the blocks or the packing.
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Routine, Value, Variable } from "../../language/values.ts";
import { bytesOf } from "../loops/counting.ts";
import type { Sizes } from "./gemm-blocks.ts";
import { block, evenBlock, sizesFor } from "./gemm-blocks.ts";
import { packRoutine } from "./gemm-packing.ts";
import { panelRoutine, placesFor } from "./gemm-tile.ts";

type Four = [Variable, Variable, Variable, Variable];
type Three = [Variable, Variable, Variable];

/** A matrix in memory, its strides in bytes. */
interface Matrix {
  readonly start: Variable;
  readonly row: Variable;
  readonly column: Variable;
}

/** A matrix whose columns are contiguous. */
type Rows = Omit<Matrix, "column">;

/** One product of the batch, and how it is cut. */
interface Product {
  readonly m: Variable;
  readonly n: Variable;
  readonly depth: Variable;
  readonly a: Matrix;
  readonly b: Matrix;
  readonly c: Rows;
  readonly d: Rows;
  readonly hasD: Variable;
  readonly sizes: Sizes;
  readonly depthOfBlock: Variable;
  readonly rowsOfBlock: Variable;
  readonly packedA: Variable;
  readonly packedB: Variable;
  readonly packs: Record<"a" | "b", Routine>;
  readonly panels: Record<"all" | "two" | "one", Routine>;
}

const times = (k: Recorder, count: Value | Variable, stride: Variable) =>
  k.mul(k.do("to.ptr", count), stride);

/** Whether an operand is read where it lies: `uses` is how often, `step` the bytes from one k to the next. */
function staysInPlace(k: Recorder, { depthOfBlock }: Product, uses: Variable, step: Variable): Value {
  // Up to 128 KiB (an attention head) the caches hold the operand as it is. Beyond, misses are cheaper than copies only
  // for a few rows, unless all lines fall on the same sets of the cache.
  const fits = k.le(step, k.div(131072, k.max(k.do("to.ptr", depthOfBlock), 1)));
  const isSpread = k.ne(k.and(step, 4095), 0);
  return k.or(k.and(fits, k.le(uses, 64)), k.and(k.le(uses, 16), k.do("to.i32", isSpread)));
}

/** The columns `j` … and the `deep` steps of k from `l` on, that one block of B covers. */
interface Block {
  readonly j: Variable;
  readonly l: Variable;
  readonly columns: Variable;
  readonly deep: Variable;
  readonly hasOrigin: Variable;
  readonly start: Variable;
  /** Columns that are read where they lie; the others are packed. */
  readonly inPlace: Variable;
}

function blockOfProduct(k: Recorder, product: Product, j: Variable, l: Variable): void {
  const { m, n, depth, b, hasD, sizes, depthOfBlock, packedB, packs } = product;
  const columns = k.variable("i32", k.min(k.sub(n, j), block.columns));
  const deep = k.variable("i32", k.min(k.sub(depth, l), depthOfBlock));
  const hasOrigin = k.variable("i32", k.or(hasD, k.gt(l, 0)));
  const start = k.variable("ptr", k.add(k.add(b.start, times(k, l, b.row)), times(k, j, b.column)));
  const inPlace = k.variable("i32", 0);
  if (k.target.packs !== "all")
    k.if(k.and(k.eq(b.column, 4), staysInPlace(k, product, m, b.row)), () =>
      k.set(inPlace, k.and(columns, -sizes.columns)),
    );
  const packed = k.add(start, times(k, inPlace, b.column));
  k.call(packs.b, k.sub(columns, inPlace), deep, packed, b.column, b.row, packedB);
  overRows(k, product, { j, l, columns, deep, hasOrigin, start, inPlace });
}

/** All blocks of A times one of B. */
function overRows(k: Recorder, product: Product, blockOfB: Block): void {
  const { m, n, depth, a, c, d, sizes, rowsOfBlock, packedA, packs } = product;
  const { j, l, deep } = blockOfB;
  const { a: place } = placesFor(k.target);
  const to = `to.${place}` as const;
  const i = k.variable("i32", 0);
  k.while(
    () => k.lt(i, m),
    () => {
      const rows = k.variable("i32", k.min(k.sub(m, i), rowsOfBlock));
      const blockOfA = k.variable("ptr", k.add(k.add(a.start, times(k, i, a.row)), times(k, l, a.column)));
      const isPacked = k.variable("i32", 1);
      const from = k.variable(place, k.do(to, packedA));
      const panel = k.variable(place, k.mul(k.do(to, deep), 4 * sizes.rows));
      const pack = () => k.call(packs.a, rows, deep, blockOfA, a.row, a.column, packedA);
      if (k.target.packs === "some") {
        const isLarge = k.and(k.ge(n, 512), k.ge(k.mul(m, depth), 131072));
        const inOrder = k.and(k.eq(a.column, 4), k.eq(isLarge, 0));
        const across = k.and(k.ne(a.column, 4), staysInPlace(k, product, n, a.column));
        k.if(
          k.or(inOrder, across),
          () => {
            k.set(isPacked, 0);
            k.set(from, blockOfA);
            k.set(panel, k.mul(a.row, sizes.rows));
          },
          pack,
        );
      } else pack();
      const rowOf = ({ start, row }: Rows) => k.add(k.add(start, times(k, i, row)), bytesOf(k, j));
      const rowOfC = k.variable("ptr", rowOf(c));
      // Later blocks of k go on with what the first has left in C.
      const origin: Rows = { start: k.variable("ptr", rowOfC), row: k.variable("ptr", c.row) };
      k.if(k.eq(l, 0), () => {
        k.set(origin.start, rowOf(d));
        k.set(origin.row, d.row);
      });
      overPanels(k, product, blockOfB, { rows, from, panel, isPacked }, rowOfC, origin);
      k.increase(i, rowsOfBlock);
    },
  );
}

/** One block of A times all panels of one of B. */
function overPanels(
  k: Recorder,
  { a, b, c, sizes, packedB, panels }: Product,
  { columns, deep, hasOrigin, start, inPlace }: Block,
  blockOfA: Record<"rows" | "from" | "panel" | "isPacked", Variable>,
  rowOfC: Variable,
  origin: Rows,
): void {
  const { rows, from, panel, isPacked } = blockOfA;
  const places = placesFor(k.target);
  const [toA, toB] = [`to.${places.a}`, `to.${places.b}`] as const;
  const column = k.variable("i32", 0);
  k.while(
    () => k.lt(column, columns),
    () => {
      const left = k.variable("i32", k.sub(columns, column));
      const packed = k.mul(k.do("to.near", k.sub(column, inPlace)), k.shl(k.do("to.near", deep), 2));
      const panelOfB = k.variable(places.b, k.do(toB, k.add(packedB, packed)));
      const step = k.variable(places.b, 4 * sizes.columns);
      if (k.target.packs !== "all")
        k.if(k.lt(column, inPlace), () => {
          k.set(panelOfB, k.add(start, bytesOf(k, column)));
          k.set(step, b.row);
        });
      const call = (routine: Routine) => () =>
        k.call(
          routine,
          ...[rows, left, deep, from, k.do(toA, a.row), k.do(toA, a.column), panel, isPacked],
          ...[panelOfB, step, rowOfC, c.row, origin.start, origin.row, hasOrigin],
        );
      k.if(k.ge(left, sizes.columns), call(panels.all), () =>
        k.if(k.gt(left, k.lanes), call(panels.two), call(panels.one)),
      );
      k.increase(rowOfC, 4 * sizes.columns);
      k.increase(origin.start, 4 * sizes.columns);
      k.increase(column, sizes.columns);
    },
  );
}

function record(k: Recorder, given: readonly Variable[]): void {
  const [batch, m, n, depth] = given.slice(0, 4) as Four;
  const [a, b] = [4, 8].map((first) => given.slice(first, first + 4)) as [Four, Four];
  const [c, d] = [12, 15].map((first) => given.slice(first, first + 3)) as [Three, Three];
  const stride = (elements: Variable) => k.variable("ptr", bytesOf(k, elements));
  const matrix = ([start, , row, column]: Four): Matrix => ({
    start,
    row: stride(row),
    column: stride(column),
  });
  const rows = ([start, , row]: Three): Rows => ({ start, row: stride(row) });
  const sizes = sizesFor(k.target);
  const packedA = k.variable("near", k.scratch());
  const packedB = k.variable("near", k.add(packedA, sizes.aBytes));
  const product: Product = {
    ...{ m, n, depth, a: matrix(a), b: matrix(b), c: rows(c), d: rows(d), sizes },
    hasD: k.variable("i32", k.ne(d[0], 0)),
    depthOfBlock: evenBlock(k, depth, block.depth, 8),
    rowsOfBlock: evenBlock(k, m, sizes.blockRows, sizes.rows),
    ...{ packedA, packedB },
    packs: { a: packRoutine(k.target, sizes.rows), b: packRoutine(k.target, sizes.columns) },
    panels: {
      all: panelRoutine(k.target, "all"),
      two: panelRoutine(k.target, "two vectors"),
      one: panelRoutine(k.target, "one vector"),
    },
  };
  k.while(
    () => k.gt(batch, 0),
    () => {
      const j = k.variable("i32", 0);
      k.while(
        () => k.lt(j, n),
        () => {
          const l = k.variable("i32", 0);
          // Once for k = 0, too: it writes zeros.
          k.loop(() => {
            blockOfProduct(k, product, j, l);
            k.increase(l, product.depthOfBlock);
            return k.lt(l, depth);
          });
          k.increase(j, block.columns);
        },
      );
      for (const [start, ofBatch] of [a, b, c, d]) k.increase(start, bytesOf(k, ofBatch));
      k.increase(batch, -1);
    },
  );
}

const rowsParameters = ["ptr", "i32", "i32"] as const;
const matrixParameters = [...rowsParameters, "i32"] as const;

/** C[z] = A[z]·B[z] + D[z], as in the table of kernels. */
export const gemm = defineKernel(
  "gemm",
  [
    "i32",
    "i32",
    "i32",
    "i32",
    ...matrixParameters,
    ...matrixParameters,
    ...rowsParameters,
    ...rowsParameters,
  ],
  (k, ...given) => record(k, given),
  (target) => {
    const { aBytes, bBytes } = sizesFor(target);
    return aBytes + bBytes;
  },
);
