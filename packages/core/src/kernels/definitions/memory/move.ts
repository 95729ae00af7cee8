// Kernels that move elements without looking at them. They move bits, not numbers, so int32 tensors use them, too.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Variable } from "../../language/values.ts";
import { fillWith, overFreeElements } from "../loops/elements.ts";
import { byteStep, copyOf, overRows } from "../loops/row-loops.ts";
import { SteppedRows } from "../loops/stepped-rows.ts";

/** One row of a copy: where it is, and the bytes from an element to the next. */
interface Side {
  readonly address: Variable;
  readonly step: Variable;
}

function copyRow(k: Recorder, n: Variable, x: Side, y: Side): void {
  const [from, to] = [copyOf(k, x.address), copyOf(k, y.address)];
  const oneByOne = () =>
    overRows(
      k,
      n,
      [
        [from, x.step],
        [to, y.step],
      ],
      () => k.storeFirst(to, k.loadFirst(from)),
    );
  const repeated = () => {
    k.if(k.gt(n, 0), () => {
      const value = k.variable("v", k.splat(from));
      overFreeElements(k, n, [to], ({ store }) => store(0, value));
    });
  };
  k.if(
    k.eq(y.step, 4),
    () =>
      k.if(
        k.eq(x.step, 4),
        () => overFreeElements(k, n, [from, to], ({ load, store }) => store(1, load(0))),
        () => k.if(k.eq(x.step, 0), repeated, oneByOne),
      ),
    oneByOne,
  );
}

/** Blocks of so many rows and columns touch whole cache lines and few pages on both sides. */
const block = 16;

/** `y[r,c] = x[c,r]`: rows of x and y are dense, and so many bytes apart. */
function transposed(k: Recorder, rows: Variable, cols: Variable, x: Side, y: Side): void {
  const top = k.variable("i32", 0);
  k.while(
    () => k.lt(top, rows),
    () => {
      const left = k.variable("i32", 0);
      k.while(
        () => k.lt(left, cols),
        () => {
          transposeBlock(k, { top, left, rows, cols }, x, y);
          k.increase(left, block);
        },
      );
      k.increase(top, block);
    },
  );
}

/** An element's address, by how far it is down and along. */
function addressAt(k: Recorder, { address, step }: Side, down: Variable, along: Variable): Variable {
  const row = k.add(address, k.mul(k.do("to.ptr", down), step));
  return k.variable("ptr", k.add(row, k.shl(k.do("to.ptr", along), 2)));
}

function transposeBlock(
  k: Recorder,
  { top, left, rows, cols }: Record<"top" | "left" | "rows" | "cols", Variable>,
  x: Side,
  y: Side,
): void {
  const bottom = k.variable("i32", k.min(k.add(top, block), rows));
  const right = k.variable("i32", k.min(k.add(left, block), cols));
  const r = k.variable("i32", top);
  const vectors = Array.from({ length: k.lanes }, () => k.variable("v"));
  const whole = () => {
    const c = k.variable("i32", left);
    const from = new SteppedRows(k, k.lanes, addressAt(k, x, left, r), x.step);
    const to = new SteppedRows(k, k.lanes, addressAt(k, y, r, left), y.step);
    k.while(
      () => k.le(k.add(c, k.lanes), right),
      () => {
        for (const [i, vector] of vectors.entries()) k.set(vector, k.load(from.at(i)));
        k.transpose(vectors);
        for (const [i, vector] of vectors.entries()) k.store(to.at(i), vector);
        from.advance(k.mul(x.step, k.lanes));
        to.advance(4 * k.lanes);
        k.increase(c, k.lanes);
      },
    );
    oneByOne(c, k.variable("i32", k.int(k.lanes)));
  };
  /** The columns from `c` on of some rows. */
  const oneByOne = (c: Variable, count: Variable) =>
    k.while(
      () => k.lt(c, right),
      () => {
        const [from, to] = [addressAt(k, x, c, r), addressAt(k, y, r, c)];
        overRows(
          k,
          count,
          [
            [from, 4],
            [to, y.step],
          ],
          () => k.storeFirst(to, k.loadFirst(from)),
        );
        k.increase(c, 1);
      },
    );
  k.while(
    () => k.le(k.add(r, k.lanes), bottom),
    () => {
      whole();
      k.increase(r, k.lanes);
    },
  );
  k.if(k.lt(r, bottom), () => oneByOne(k.variable("i32", left), k.variable("i32", k.sub(bottom, r))));
}

function copy(k: Recorder, given: readonly Variable[]): void {
  const [d0, d1, d2, d3] = given.slice(0, 4) as [Variable, Variable, Variable, Variable];
  const [x, y] = [given[4]!, given[9]!];
  const xSteps = given.slice(5, 9).map((stride) => byteStep(k, stride));
  const ySteps = given.slice(10, 14).map((stride) => byteStep(k, stride));
  // Both matrices are dense, one along the rows, the other along the columns.
  const isTransposed = k.variable(
    "i32",
    k.and(k.and(k.eq(xSteps[2]!, 4), k.eq(ySteps[3]!, 4)), k.ne(xSteps[3]!, 4)),
  );
  const outer = [copyOf(k, x), copyOf(k, y)] as const;
  overRows(
    k,
    d0,
    [
      [outer[0], xSteps[0]!],
      [outer[1], ySteps[0]!],
    ],
    () => {
      const matrices = [copyOf(k, outer[0]), copyOf(k, outer[1])] as const;
      overRows(
        k,
        d1,
        [
          [matrices[0], xSteps[1]!],
          [matrices[1], ySteps[1]!],
        ],
        () => {
          k.if(
            isTransposed,
            () =>
              transposed(
                k,
                ...([d2, d3] as const),
                { address: matrices[0], step: xSteps[3]! },
                { address: matrices[1], step: ySteps[2]! },
              ),
            () => {
              const rows = [copyOf(k, matrices[0]), copyOf(k, matrices[1])] as const;
              overRows(
                k,
                d2,
                [
                  [rows[0], xSteps[2]!],
                  [rows[1], ySteps[2]!],
                ],
                () =>
                  copyRow(
                    k,
                    d3,
                    { address: rows[0], step: xSteps[3]! },
                    { address: rows[1], step: ySteps[3]! },
                  ),
              );
            },
          );
        },
      );
    },
  );
}

/** Columns from `low` to `high` of the diagonal stay, the others become 0. */
function band(k: Recorder, given: readonly Variable[]): void {
  const [batch, rows, cols, low, high, x, y] = given as [
    ...[Variable, Variable, Variable],
    ...[Variable, Variable, Variable, Variable],
  ];
  const step = byteStep(k, cols);
  const [from, to] = [copyOf(k, x), copyOf(k, y)];
  const clamped = (column: Parameters<Recorder["min"]>[0]) =>
    k.variable("i32", k.max(k.min(k.read(column), cols), 0));
  overRows(k, batch, [], () =>
    overRows(
      k,
      rows,
      [
        [from, step],
        [to, step],
      ],
      (r) => {
        const start = clamped(k.add(r, low));
        const end = k.variable("i32", k.max(clamped(k.add(k.add(r, high), 1)), start));
        const at = (address: Variable, column: Variable) =>
          k.variable("ptr", k.add(address, k.shl(k.do("to.ptr", column), 2)));
        fillWith(k, start, to, 0);
        overFreeElements(k, k.sub(end, start), [at(from, start), at(to, start)], ({ load, store }) =>
          store(1, load(0)),
        );
        fillWith(k, k.sub(cols, end), at(to, end), 0);
      },
    ),
  );
}

export const move: readonly Definition[] = [
  defineKernel(
    "copy",
    [
      ...(["i32", "i32", "i32", "i32", "ptr", "i32", "i32", "i32", "i32"] as const),
      ...(["ptr", "i32", "i32", "i32", "i32"] as const),
    ],
    (k, ...given) => copy(k, given),
  ),
  defineKernel("band", ["i32", "i32", "i32", "i32", "i32", "ptr", "ptr"], (k, ...given) => band(k, given)),
];
