// float32 matrix product for any strides, after GotoBLAS and BLIS (https://doi.org/10.1145/1356052.1356053). Loops cut
// B, then A, into blocks that stay in the caches; the innermost loop keeps one tile of C in registers. Each element of C
// is one chain of `madd` in the order of k, begun from C or from 0: so its bits depend on its row of A, its column of B
// and its own beginning alone, whatever the tile, the blocks or the packing.
import { defineKernel, defineRoutine } from "../language/definition.ts";
import type { Recorder } from "../language/recorder.ts";
import type { Place, Routine, Target, Value, Variable } from "../language/values.ts";
import { packRoutine } from "./gemm-packing.ts";
import { SteppedRows } from "./stepped-rows.ts";

/** The cache blocks: `depth` × `columns` floats of B for the L2 cache, `rows` × `depth` of A. */
const block = { depth: 256, columns: 512, rows: 96 };
const line = 64;

// biome-ignore format: one line
type Sixteen = readonly [Variable, Variable, Variable, Variable, Variable, Variable, Variable, Variable, Variable, Variable, Variable, Variable, Variable, Variable, Variable, Variable];

interface Sizes {
  /** Rows and columns of the register tile. */
  readonly rows: number;
  readonly columns: number;
  /** Rows of a block of A, whole tiles. */
  readonly blockRows: number;
  /** Bytes of a packed block of A. The last panel may be followed by a vector's lanes that nobody reads. */
  readonly aBytes: number;
  readonly bBytes: number;
}

function sizesFor({ lanes, tile }: Target): Sizes {
  const columns = lanes * tile.vectors;
  const blockRows = Math.max(1, Math.floor(block.rows / tile.rows)) * tile.rows;
  return {
    rows: tile.rows,
    columns,
    blockRows,
    aBytes: (4 * (blockRows * block.depth + lanes) + line - 1) & -line,
    bBytes: 4 * block.depth * (block.columns + columns),
  };
}

/** Where the tiles read: in scratch memory alone, or wherever the operand is. */
function placesFor({ packs }: Target): { a: "near" | "ptr"; b: "near" | "ptr" } {
  return { a: packs === "some" ? "ptr" : "near", b: packs === "all" ? "near" : "ptr" };
}

/** The operands of a tile, in bytes. A packed panel of A holds the tile's rows side by side. */
interface Panel {
  readonly depth: Variable;
  readonly a: Variable;
  readonly aRow: Variable;
  readonly aStep: Variable;
  readonly aIsPacked: Variable;
  readonly b: Variable;
  readonly bStep: Variable;
  readonly c: Variable;
  readonly cRow: Variable;
  readonly fromC: Variable;
}

type Sums = readonly (readonly Variable[])[];

/** Adds the products of all k to the sums. */
function multiply(k: Recorder, panel: Panel, sums: Sums, isPacked: boolean): void {
  const { depth, a, aRow, aStep, b, bStep } = panel;
  const left = k.variable("i32", depth);
  const fromB = k.variable(b.type, b);
  const step = (x: (row: number) => Value) => {
    const columns = sums[0]!.map((_, vector) => k.load(fromB, 4 * k.lanes * vector));
    for (const [row, sumsOfRow] of sums.entries()) {
      const factor = x(row);
      for (const [vector, sum] of sumsOfRow.entries()) k.set(sum, k.madd(factor, columns[vector]!, sum));
    }
    k.increase(fromB, bStep);
  };
  const run = (count: number, steps: () => void) => {
    k.increase(left, -count);
    k.while(
      () => k.ge(left, 0),
      () => {
        steps();
        k.increase(left, -count);
      },
    );
    k.increase(left, count);
  };
  if (isPacked) {
    const width = 4 * k.target.tile.rows;
    const fromA = k.variable(a.type, a);
    for (const count of [4, 1])
      run(count, () => {
        for (let i = 0; i < count; i++) step((row) => k.splat(fromA, i * width + 4 * row));
        k.increase(fromA, count * width);
      });
  } else {
    const rows = new SteppedRows(k, sums.length, a, aRow);
    run(1, () => {
      step((row) => k.splat(rows.at(row)));
      rows.advance(aStep);
    });
  }
}

/** One tile of C: `rows` × `vectors`, of which the last has the lanes of `tail`, if there is one. */
function tile(k: Recorder, panel: Panel, rows: number, vectors: number, tail?: Variable): void {
  const { c, cRow, fromC, aIsPacked } = panel;
  const sums = Array.from({ length: rows }, () => Array.from({ length: vectors }, () => k.variable("v")));
  const eachOfC = (body: (place: Place, sum: Variable, isPart: boolean) => void) => {
    const rowsOfC = new SteppedRows(k, rows, c, cRow);
    for (const [row, sumsOfRow] of sums.entries())
      for (const [vector, sum] of sumsOfRow.entries())
        body(rowsOfC.at(row, 4 * k.lanes * vector), sum, vector === vectors - 1);
  };
  k.if(
    fromC,
    () =>
      eachOfC((place, sum, isLast) => k.set(sum, tail && isLast ? k.loadPart(tail, place) : k.load(place))),
    () => {
      for (const sum of sums.flat()) k.set(sum, 0);
    },
  );
  if (k.target.packs === "some")
    k.if(
      aIsPacked,
      () => multiply(k, panel, sums, true),
      () => multiply(k, panel, sums, false),
    );
  else multiply(k, panel, sums, true);
  eachOfC((place, sum, isLast) => (tail && isLast ? k.storePart(tail, place, sum) : k.store(place, sum)));
}

/** All rows of a block of A times one panel of B, which has `columns` columns. */
function panelRoutine(target: Target, columns: "all" | "two vectors" | "one vector"): Routine {
  const { a: placeOfA, b: placeOfB } = placesFor(target);
  const { rows: whole } = target.tile;
  return defineRoutine(
    `panel of ${columns}`,
    ["i32", "i32", "i32", placeOfA, placeOfA, placeOfA, placeOfA, "i32", placeOfB, placeOfB, "ptr", "ptr", "i32"],
    target,
    (k, rows, width, depth, a, aRow, aStep, aPanel, aIsPacked, b, bStep, c, cRow, fromC) => {
      const panel: Panel = { depth, a, aRow, aStep, aIsPacked, b, bStep, c, cRow, fromC };
      const vectors = columns === "one vector" ? 1 : target.tile.vectors;
      const inLast = k.sub(width, (vectors - 1) * k.lanes);
      const tail = columns === "all" ? undefined : k.variable("tail", k.do("tail.first", inLast));
      k.while(
        () => k.ge(rows, whole),
        () => {
          tile(k, panel, whole, vectors, tail);
          k.increase(a, aPanel);
          k.increase(c, k.mul(cRow, whole));
          k.increase(rows, -whole);
        },
      );
      for (let rest = 1; rest < whole; rest++)
        k.if(k.eq(rows, rest), () => tile(k, panel, rest, vectors, tail));
    },
  );
}

const parameters = ["i32", "i32", "i32", "i32", "ptr", "i32", "i32", "i32", "ptr", "i32", "i32", "i32", "ptr", "i32", "i32", "i32"] as const;

function record(k: Recorder, given: readonly Variable[]): void {
  const [batch, m, n, depth, a, aBatch, aRows, aColumns, b, bBatch, bRows, bColumns, c, cBatch, cRows, beta] =
    given as Sixteen;
  const { target } = k;
  const sizes = sizesFor(target);
  const packs = { a: packRoutine(target, sizes.rows), b: packRoutine(target, sizes.columns) };
  const panels = {
    all: panelRoutine(target, "all"),
    two: panelRoutine(target, "two vectors"),
    one: panelRoutine(target, "one vector"),
  };
  const bytes = (stride: Variable) => k.variable("ptr", k.shl(k.do("to.ptr", stride), 2));
  const times = (count: Value | Variable, stride: Variable) => k.mul(k.do("to.ptr", count), stride);
  const [aRow, aColumn] = [bytes(aRows), bytes(aColumns)];
  const [bRow, bColumn, cRow] = [bytes(bRows), bytes(bColumns), bytes(cRows)];
  const { a: placeOfA, b: placeOfB } = placesFor(target);
  const toA = `to.${placeOfA}` as const;
  const toB = `to.${placeOfB}` as const;
  const packedA = k.variable("near", k.scratch());
  const packedB = k.variable("near", k.add(packedA, sizes.aBytes));

  // k is cut evenly (784 is 4 × 200, not 3 × 256 and a remainder), and so are the rows.
  const blocksOf = (count: Variable, most: number, unit: number) => {
    const blocks = k.max(k.div(k.add(count, most - 1), most), 1);
    const even = k.div(k.sub(k.add(count, blocks), 1), blocks);
    return k.variable("i32", k.mul(k.div(k.add(even, unit - 1), unit), unit));
  };
  const depthOfBlock = blocksOf(depth, block.depth, 8);
  const rowsOfBlock = blocksOf(m, sizes.blockRows, sizes.rows);

  /** Whether an operand is read where it lies: `uses` is how often, `step` the bytes from one k to the next. */
  const staysInPlace = (uses: Value | Variable, step: Variable) => {
    // Up to 128 KiB (an attention head) the caches hold the operand as it is. Beyond, misses are cheaper than copies only
    // for a few rows, unless all lines fall on the same sets of the cache.
    const fits = k.le(step, k.div(131072, k.max(k.do("to.ptr", depthOfBlock), 1)));
    const isSpread = k.ne(k.and(step, 4095), 0);
    return k.or(k.and(fits, k.le(uses, 64)), k.and(k.le(uses, 16), k.do("to.i32", isSpread)));
  };

  const blockOfProduct = (j: Variable, l: Variable) => {
    const columns = k.variable("i32", k.min(k.sub(n, j), block.columns));
    const deep = k.variable("i32", k.min(k.sub(depth, l), depthOfBlock));
    const fromC = k.variable("i32", k.or(k.ne(beta, 0), k.gt(l, 0)));
    const blockOfB = k.variable("ptr", k.add(k.add(b, times(l, bRow)), times(j, bColumn)));
    const inPlace = k.variable("i32", 0);
    if (target.packs !== "all")
      k.if(k.and(k.eq(bColumn, 4), staysInPlace(m, bRow)), () => k.set(inPlace, k.and(columns, -sizes.columns)));
    k.call(packs.b, k.sub(columns, inPlace), deep, k.add(blockOfB, times(inPlace, bColumn)), bColumn, bRow, packedB);

    const i = k.variable("i32", 0);
    k.while(
      () => k.lt(i, m),
      () => {
        const rows = k.variable("i32", k.min(k.sub(m, i), rowsOfBlock));
        const blockOfA = k.variable("ptr", k.add(k.add(a, times(i, aRow)), times(l, aColumn)));
        const isPacked = k.variable("i32", 1);
        const fromA = k.variable(placeOfA, k.do(toA, packedA));
        const panelOfA = k.variable(placeOfA, k.mul(k.do(toA, deep), 4 * sizes.rows));
        const pack = () => k.call(packs.a, rows, deep, blockOfA, aRow, aColumn, packedA);
        if (target.packs === "some") {
          const isLarge = k.and(k.ge(n, 512), k.ge(k.mul(m, depth), 131072));
          const inOrder = k.and(k.eq(aColumn, 4), k.eq(isLarge, 0));
          const across = k.and(k.ne(aColumn, 4), staysInPlace(n, aColumn));
          k.if(
            k.or(inOrder, across),
            () => {
              k.set(isPacked, 0);
              k.set(fromA, blockOfA);
              k.set(panelOfA, k.mul(aRow, sizes.rows));
            },
            pack,
          );
        } else pack();
        const column = k.variable("i32", 0);
        const rowOfC = k.variable("ptr", k.add(k.add(c, times(i, cRow)), k.shl(k.do("to.ptr", j), 2)));
        k.while(
          () => k.lt(column, columns),
          () => {
            const left = k.variable("i32", k.sub(columns, column));
            const from = k.mul(k.do("to.near", k.sub(column, inPlace)), k.shl(k.do("to.near", deep), 2));
            const panelOfB = k.variable(placeOfB, k.do(toB, k.add(packedB, from)));
            const stepOfB = k.variable(placeOfB, 4 * sizes.columns);
            if (target.packs !== "all")
              k.if(k.lt(column, inPlace), () => {
                k.set(panelOfB, k.add(blockOfB, k.shl(k.do("to.ptr", column), 2)));
                k.set(stepOfB, bRow);
              });
            const call = (panel: Routine) => () =>
              k.call(
                panel,
                ...[rows, left, deep, fromA, k.do(toA, aRow), k.do(toA, aColumn), panelOfA, isPacked],
                ...[panelOfB, stepOfB, rowOfC, cRow, fromC],
              );
            k.if(k.ge(left, sizes.columns), call(panels.all), () =>
              k.if(k.gt(left, k.lanes), call(panels.two), call(panels.one)),
            );
            k.increase(rowOfC, 4 * sizes.columns);
            k.increase(column, sizes.columns);
          },
        );
        k.increase(i, rowsOfBlock);
      },
    );
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
            blockOfProduct(j, l);
            k.increase(l, depthOfBlock);
            return k.lt(l, depth);
          });
          k.increase(j, block.columns);
        },
      );
      for (const [place, stride] of [
        [a, aBatch],
        [b, bBatch],
        [c, cBatch],
      ] as const)
        k.increase(place, k.shl(k.do("to.ptr", stride), 2));
      k.increase(batch, -1);
    },
  );
}

/** C[z] = A[z]·B[z] + beta·C[z], as in the table of kernels. */
export const gemm = defineKernel("gemm", parameters, (k, ...given) => record(k, given), (target) => {
  const { aBytes, bBytes } = sizesFor(target);
  return aBytes + bBytes;
});
