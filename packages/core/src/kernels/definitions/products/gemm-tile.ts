// The innermost part of a matrix product: one tile of C in registers, and the rows of tiles of one panel of B. Each element
// of C is one chain of `madd` in the order of k, begun from its origin (gemm.ts) or from 0.
import { defineRoutine } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Place, Routine, Target, Value, Variable } from "../../language/values.ts";
import { SteppedRows } from "../loops/stepped-rows.ts";

/** Bytes of a line of the cache. */
const line = 64;

/** Where the tiles read: in scratch memory alone, or wherever the operand is. */
export function placesFor({ packs }: Target): { a: "near" | "ptr"; b: "near" | "ptr" } {
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
  readonly origin: Variable;
  readonly originRow: Variable;
  readonly hasOrigin: Variable;
}

type Sums = readonly (readonly Variable[])[];

/** Runs `body` for what is left, `count` at a time. */
function inSteps(k: Recorder, left: Variable, count: number, body: () => void): void {
  k.increase(left, -count);
  k.while(
    () => k.ge(left, 0),
    () => {
      body();
      k.increase(left, -count);
    },
  );
  k.increase(left, count);
}

/** Adds the products of one k: of a factor for each row, and the columns at a place of B. */
function multiplyRow(k: Recorder, sums: Sums, factor: (row: number) => Value, b: Variable, offset = 0): void {
  const columns = sums[0]!.map((_, vector) => k.load(b, offset + 4 * k.lanes * vector));
  for (const [row, sumsOfRow] of sums.entries()) {
    const x = factor(row);
    for (const [vector, sum] of sumsOfRow.entries()) k.set(sum, k.madd(x, columns[vector]!, sum));
  }
}

/** Adds the products of all k to the sums, A in place. */
function multiplyInPlace(k: Recorder, { depth, a, aRow, aStep, b, bStep }: Panel, sums: Sums): void {
  const left = k.variable("i32", depth);
  const fromB = k.variable(b.type, b);
  const rows = new SteppedRows(k, sums.length, a, aRow);
  inSteps(k, left, 1, () => {
    multiplyRow(k, sums, (row) => k.splat(rows.at(row)), fromB);
    rows.advance(aStep);
    k.increase(fromB, bStep);
  });
}

/** The same for a packed A; four rows at a time, as long as there are as many. */
function multiplyPacked(k: Recorder, { depth, a, b, bStep }: Panel, sums: Sums, bIsPacked: boolean): void {
  const { rows, vectors } = k.target.tile;
  const width = { a: 4 * rows, b: 4 * k.lanes * vectors };
  const left = k.variable("i32", depth);
  const fromA = k.variable(a.type, a);
  const fromB = k.variable(b.type, b);
  for (const count of [4, 1])
    inSteps(k, left, count, () => {
      for (let i = 0; i < count; i++) {
        multiplyRow(
          k,
          sums,
          (row) => k.splat(fromA, i * width.a + 4 * row),
          fromB,
          bIsPacked ? i * width.b : 0,
        );
        if (!bIsPacked) k.increase(fromB, bStep);
      }
      if (bIsPacked) k.increase(fromB, count * width.b);
      k.increase(fromA, count * width.a);
    });
}

function multiply(k: Recorder, panel: Panel, sums: Sums, isWhole: boolean): void {
  const { target } = k;
  const packed = () => {
    if (target.packs === "all") multiplyPacked(k, panel, sums, true);
    else if (isWhole)
      k.if(
        k.eq(panel.bStep, 4 * k.lanes * target.tile.vectors),
        () => multiplyPacked(k, panel, sums, true),
        () => multiplyPacked(k, panel, sums, false),
      );
    else multiplyPacked(k, panel, sums, false);
  };
  if (target.packs === "some") k.if(panel.aIsPacked, packed, () => multiplyInPlace(k, panel, sums));
  else packed();
}

/** One tile of C: `rows` × `vectors`, of which the last has the lanes of `tail`, if there is one. */
function tile(k: Recorder, panel: Panel, rows: number, vectors: number, tail?: Variable): void {
  const { c, cRow, origin, originRow, hasOrigin } = panel;
  const sums = Array.from({ length: rows }, () => Array.from({ length: vectors }, () => k.variable("v")));
  const eachSum = (
    first: Variable,
    step: Variable,
    body: (place: Place, sum: Variable, isPart: boolean) => void,
  ) => {
    const places = new SteppedRows(k, rows, first, step);
    for (const [row, sumsOfRow] of sums.entries())
      for (const [vector, sum] of sumsOfRow.entries())
        body(places.at(row, 4 * k.lanes * vector), sum, tail !== undefined && vector === vectors - 1);
  };
  k.if(
    hasOrigin,
    () =>
      eachSum(origin, originRow, (place, sum, isPart) =>
        k.set(sum, isPart ? k.loadPart(tail!, place) : k.load(place)),
      ),
    () => {
      for (const sum of sums.flat()) k.set(sum, 0);
    },
  );
  const isWhole = rows === k.target.tile.rows && !tail;
  if (isWhole && k.target.packs === "some") {
    // What the next tile begins with stands at the head of its chains.
    const next = new SteppedRows(k, rows, k.variable("ptr", k.add(c, k.mul(cRow, rows))), cRow);
    for (let row = 0; row < rows; row++)
      for (let offset = 0; offset < 4 * k.lanes * vectors; offset += line) k.prefetch(next.at(row, offset));
  }
  multiply(k, panel, sums, isWhole);
  eachSum(c, cRow, (place, sum, isPart) => (isPart ? k.storePart(tail!, place, sum) : k.store(place, sum)));
}

/** All rows of a block of A times one panel of B, which has `columns` columns. */
export function panelRoutine(target: Target, columns: "all" | "two vectors" | "one vector"): Routine {
  const { a: placeOfA, b: placeOfB } = placesFor(target);
  const { rows: whole } = target.tile;
  return defineRoutine(
    `panel of ${columns}`,
    [
      "i32",
      "i32",
      "i32",
      placeOfA,
      placeOfA,
      placeOfA,
      placeOfA,
      "i32",
      placeOfB,
      placeOfB,
      "ptr",
      "ptr",
      "ptr",
      "ptr",
      "i32",
    ],
    target,
    (k, rows, width, depth, a, aRow, aStep, aPanel, aIsPacked, b, bStep, c, cRow, ...rest) => {
      const [origin, originRow, hasOrigin] = rest as [Variable, Variable, Variable];
      const ofC = { c, cRow, origin, originRow, hasOrigin };
      const panel: Panel = { depth, a, aRow, aStep, aIsPacked, b, bStep, ...ofC };
      const vectors = columns === "one vector" ? 1 : target.tile.vectors;
      const inLast = k.sub(width, (vectors - 1) * k.lanes);
      const tail = columns === "all" ? undefined : k.variable("tail", k.do("tail.first", inLast));
      k.while(
        () => k.ge(rows, whole),
        () => {
          tile(k, panel, whole, vectors, tail);
          k.increase(a, aPanel);
          k.increase(c, k.mul(cRow, whole));
          k.increase(origin, k.mul(originRow, whole));
          k.increase(rows, -whole);
        },
      );
      for (let left = 1; left < whole; left++)
        k.if(k.eq(rows, left), () => tile(k, panel, left, vectors, tail));
    },
  );
}
