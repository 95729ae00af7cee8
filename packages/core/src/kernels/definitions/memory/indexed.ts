// Kernels that read and write at int32 indices. The table of kernels says what each does.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Variable } from "../../language/values.ts";
import { clear, overElements, overFreeElements } from "../loops/elements.ts";
import { byteStep, copyOf, overRows } from "../loops/row-loops.ts";

type Matrix = [rows: Variable, cols: Variable, from: Variable, index: Variable, to: Variable];

/** The address of the row that an index chooses. */
function chosenRow(k: Recorder, rows: Variable, step: Variable, index: Variable): Variable {
  return k.variable("ptr", k.add(rows, k.mul(k.do("to.ptr", k.loadInt(index)), step)));
}

function checkIndex(k: Recorder, n: Variable, limit: Variable, index: Variable): void {
  const [place, found] = [k.variable("i32", 0), k.variable("i32", -1)];
  k.while(
    () => k.and(k.lt(place, n), k.lt(found, 0)),
    () => {
      const at = k.variable("i32", k.loadInt(index));
      k.if(k.or(k.lt(at, 0), k.ge(at, limit)), () => k.set(found, place));
      k.increase(index, 4);
      k.increase(place, 1);
    },
  );
  k.return(found);
}

const chosen = (k: Recorder, row: Variable, index: Variable) =>
  k.at(row, 0, k.do("to.ptr", k.loadInt(index)), 4);

function pick(k: Recorder, rows: Variable, cols: Variable, x: Variable, index: Variable, y: Variable): void {
  const moving = [
    [x, byteStep(k, cols)],
    [index, 4],
    [y, 4],
  ] as const;
  overRows(k, rows, moving, () => k.storeFirst(y, k.loadFirst(chosen(k, x, index))));
}

function place(
  k: Recorder,
  rows: Variable,
  cols: Variable,
  dy: Variable,
  index: Variable,
  y: Variable,
): void {
  clear(k, k.mul(rows, cols), y);
  const moving = [
    [dy, 4],
    [index, 4],
    [y, byteStep(k, cols)],
  ] as const;
  overRows(k, rows, moving, () => k.storeFirst(chosen(k, y, index), k.loadFirst(dy)));
}

function gather(k: Recorder, ...[rows, cols, x, index, y]: Matrix): void {
  const step = byteStep(k, cols);
  const single = () =>
    overRows(
      k,
      rows,
      [
        [index, 4],
        [y, 4],
      ],
      () => k.storeFirst(y, k.loadFirst(chosen(k, x, index))),
    );
  const many = () =>
    overRows(
      k,
      rows,
      [
        [index, 4],
        [y, step],
      ],
      () =>
        overFreeElements(k, cols, [chosenRow(k, x, step, index), copyOf(k, y)], ({ load, store }) =>
          store(1, load(0)),
        ),
    );
  k.if(k.eq(cols, 1), single, many);
}

/** Row by row, so that additions to the same place follow the order of rows. */
function scatterAdd(k: Recorder, ...[rows, cols, x, index, y]: Matrix): void {
  const step = byteStep(k, cols);
  overRows(
    k,
    rows,
    [
      [index, 4],
      [x, step],
    ],
    () =>
      overElements(k, cols, [chosenRow(k, y, step, index), copyOf(k, x)], ({ load, store }) =>
        store(0, k.add(load(0), load(1))),
      ),
  );
}

function gatherUint8(
  k: Recorder,
  ...[rows, cols, x, index, scale, shift, y]: [...Matrix, Variable, Variable]
): void {
  const to = copyOf(k, y);
  const rowOfBytes = k.variable("ptr", k.do("to.ptr", cols));
  overRows(k, rows, [[index, 4]], () => {
    const from = chosenRow(k, x, rowOfBytes, index);
    const left = k.variable("i32", cols);
    const vectors = (count: number) =>
      k.while(
        () => k.ge(left, count * k.lanes),
        () => {
          for (let i = 0; i < count; i++) {
            const bytes = k.loadBytes(from, i * k.lanes);
            k.store(to, k.mulAdd(k.do("v.toFloat", bytes), scale, shift), 4 * i * k.lanes);
          }
          k.increase(from, count * k.lanes);
          k.increase(to, 4 * count * k.lanes);
          k.increase(left, -count * k.lanes);
        },
      );
    vectors(k.target.unroll.vectors);
    vectors(1);
    k.while(
      () => k.gt(left, 0),
      () => {
        const byte = k.do("v.splatI", k.loadByte(from));
        k.storeFirst(to, k.mulAdd(k.do("v.toFloat", byte), scale, shift));
        k.increase(from, 1);
        k.increase(to, 4);
        k.increase(left, -1);
      },
    );
  });
}

/** Along the last axis, from any others: strides may have any sign. */
function flatIndex(k: Recorder, given: readonly Variable[]): void {
  const [d0, d1, d2, d3, index, s0, s1, s2, s3, scale, start, t0, t1, t2, t3, y] = given as Variable[] & {
    length: 16;
  };
  const stride = (elements: Variable) => byteStep(k, elements);
  const steps = [s0!, s1!, s2!, s3!].map(stride);
  const turns = [t0!, t1!, t2!, t3!];
  const to = copyOf(k, y!);
  const walk = (axis: number, from: Variable, first: Variable): void => {
    const address = copyOf(k, from);
    const position = k.variable("i32", first);
    overRows(k, [d0!, d1!, d2!, d3!][axis]!, [[address, steps[axis]!]], () => {
      if (axis === 3) {
        k.storeInt(to, k.add(k.mul(k.loadInt(address), scale!), position));
        k.increase(to, 4);
      } else walk(axis + 1, address, position);
      k.increase(position, turns[axis]!);
    });
  };
  walk(0, index!, start!);
}

const matrixParameters = ["i32", "i32", "ptr", "ptr", "ptr"] as const;

export const indexed: readonly Definition[] = [
  defineKernel("checkIndex", ["i32", "i32", "ptr"], checkIndex),
  defineKernel("pick", matrixParameters, pick),
  defineKernel("place", matrixParameters, place),
  defineKernel("gather", matrixParameters, gather),
  defineKernel("scatterAdd", matrixParameters, scatterAdd),
  defineKernel("gatherUint8", ["i32", "i32", "ptr", "ptr", "f32", "f32", "ptr"], gatherUint8),
  defineKernel(
    "flatIndex",
    [
      ...(["i32", "i32", "i32", "i32", "ptr", "i32", "i32", "i32"] as const),
      ...(["i32", "i32", "i32", "i32", "i32", "i32", "i32", "ptr"] as const),
    ],
    (k, ...given) => flatIndex(k, given),
  ),
];
