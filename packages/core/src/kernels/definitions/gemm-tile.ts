// The innermost part of a matrix product: one tile of C in registers, and the rows of tiles of one panel of B. Each element
// of C is one chain of `madd` in the order of k, begun from C or from 0.
import { defineRoutine } from "../language/definition.ts";
import type { Recorder } from "../language/recorder.ts";
import type { Place, Routine, Target, Value, Variable } from "../language/values.ts";
import { SteppedRows } from "./stepped-rows.ts";

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
      "i32",
    ],
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
