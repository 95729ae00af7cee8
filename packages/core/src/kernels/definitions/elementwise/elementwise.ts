// Functions of one, two and three elements, and filling. The table of kernels says what each computes.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import type { Elements } from "../loops/elements.ts";
import { overElements, overFreeElements } from "../loops/elements.ts";
import { abs, erf, exp, expm1, log, log1p, sign } from "../math/math.ts";
import { pow } from "../math/power.ts";
import { cos, sin } from "../math/trigonometry.ts";

type Unary = (k: Recorder, x: Value) => Value;
type Binary = (k: Recorder, a: Value, b: Value) => Value;

const unary: Record<string, Unary> = {
  neg: (k, x) => k.xor(x, k.kBits(0x80000000)),
  abs,
  sign,
  square: (k, x) => k.mul(x, x),
  reciprocal: (k, x) => k.div(1, x),
  sqrt: (k, x) => k.sqrt(x),
  rsqrt: (k, x) => k.div(1, k.sqrt(x)),
  exp,
  expm1,
  log,
  log1p,
  sin,
  cos,
  erf,
};

/** 1 where the mask is set, else 0. */
const ones =
  (compare: (k: Recorder, a: Value, b: Value) => Value): Binary =>
  (k, a, b) =>
    k.do("v.keep", 1, compare(k, a, b));

const binary: Record<string, Binary> = {
  add: (k, a, b) => k.add(a, b),
  sub: (k, a, b) => k.sub(a, b),
  mul: (k, a, b) => k.mul(a, b),
  div: (k, a, b) => k.div(a, b),
  maximum: (k, a, b) => k.max(a, b),
  minimum: (k, a, b) => k.min(a, b),
  equal: ones((k, a, b) => k.eq(a, b)),
  notEqual: ones((k, a, b) => k.ne(a, b)),
  less: ones((k, a, b) => k.lt(a, b)),
  lessEqual: ones((k, a, b) => k.le(a, b)),
  greater: ones((k, a, b) => k.gt(a, b)),
  greaterEqual: ones((k, a, b) => k.ge(a, b)),
};

/** An operand of two axes: where its row begins, and its strides in elements; that of columns is 0 or 1. */
interface Operand2D {
  readonly row: Variable;
  readonly rowStride: Variable;
  readonly columnStride: Variable;
}

/** Runs `body` for each row of y, which is contiguous: `row` begins the operands' rows there, `y` is a copy of its own. */
function overRows(
  k: Recorder,
  rows: Variable,
  cols: Variable,
  operands: readonly Operand2D[],
  y: Variable,
  body: () => void,
): void {
  const bytes = k.variable("ptr", k.shl(k.do("to.ptr", cols), 2));
  const steps = operands.map(({ rowStride }) => k.variable("ptr", k.shl(k.do("to.ptr", rowStride), 2)));
  k.while(
    () => k.gt(rows, 0),
    () => {
      body();
      for (const [i, { row }] of operands.entries()) k.increase(row, steps[i]!);
      k.increase(y, bytes);
      k.increase(rows, -1);
    },
  );
}

/** A loop of its own for each way in which the operands vary along a row. */
function recordBinary(
  k: Recorder,
  f: Binary,
  rows: Variable,
  cols: Variable,
  a: Operand2D,
  b: Operand2D,
  y: Variable,
): void {
  const copy = (address: Variable) => k.variable("ptr", address);
  overRows(k, rows, cols, [a, b], y, () => {
    const to = copy(y);
    const along = (aVaries: boolean, bVaries: boolean) => () => {
      const repeated = (varies: boolean, { row }: Operand2D) =>
        varies ? undefined : k.variable("v", k.splat(row));
      const [left, right] = [repeated(aVaries, a), repeated(bVaries, b)];
      const both = left && right && k.variable("v", f(k, k.read(left), k.read(right)));
      const [p, q] = [aVaries ? [copy(a.row)] : [], bVaries ? [copy(b.row)] : []];
      overElements(k, cols, [to, ...p, ...q], ({ load, store }) => {
        if (both) return store(0, both);
        const x = left ? k.read(left) : load(1);
        store(0, f(k, x, right ? k.read(right) : load(1 + p.length)));
      });
    };
    k.if(
      a.columnStride,
      () => k.if(b.columnStride, along(true, true), along(true, false)),
      () => k.if(b.columnStride, along(false, true), along(false, false)),
    );
  });
}

/** One loop for all ways, which asks at each vector: for functions that cost more than the question. */
function recordAsking(
  k: Recorder,
  f: (elements: readonly Value[]) => Value,
  rows: Variable,
  cols: Variable,
  operands: readonly Operand2D[],
  y: Variable,
): void {
  overRows(k, rows, cols, operands, y, () => {
    const places = operands.map(({ row }) => k.variable("ptr", row));
    const values = operands.map(({ row }) => k.variable("v", k.splat(row)));
    overElements(k, cols, [k.variable("ptr", y), ...places], ({ load, store }: Elements) => {
      for (const [i, { columnStride }] of operands.entries())
        k.if(columnStride, () => k.set(values[i]!, load(1 + i)));
      store(0, f(values.map((value) => k.read(value))));
    });
  });
}

const parametersOf = (operands: number) =>
  [
    "i32",
    "i32",
    ...Array.from({ length: operands }, () => ["ptr", "i32", "i32"] as const).flat(),
    "ptr",
  ] as const;

function operandsOf(given: readonly Variable[]): Operand2D[] {
  return Array.from({ length: (given.length - 3) / 3 }, (_, i) => {
    const [row, rowStride, columnStride] = given.slice(2 + 3 * i) as [Variable, Variable, Variable];
    return { row, rowStride, columnStride };
  });
}

export const elementwise: readonly Definition[] = [
  ...Object.entries(unary).map(([name, f]) =>
    defineKernel(name, ["i32", "ptr", "ptr"], (k, n, x, y) =>
      overElements(k, n, [x, y], ({ load, store }) => store(1, f(k, load(0)))),
    ),
  ),
  ...Object.entries(binary).map(([name, f]) =>
    defineKernel(name, parametersOf(2), (k, ...given) => {
      const [a, b] = operandsOf(given) as [Operand2D, Operand2D];
      recordBinary(k, f, given[0]!, given[1]!, a, b, given.at(-1)!);
    }),
  ),
  defineKernel("pow", parametersOf(2), (k, ...given) =>
    recordAsking(k, ([a, b]) => pow(k, a!, b!), given[0]!, given[1]!, operandsOf(given), given.at(-1)!),
  ),
  defineKernel("where", parametersOf(3), (k, ...given) =>
    recordAsking(
      k,
      ([condition, a, b]) => k.select(k.eq(condition!, 0), b!, a!),
      ...([given[0]!, given[1]!, operandsOf(given), given.at(-1)!] as const),
    ),
  ),
  defineKernel("fill", ["i32", "f32", "ptr"], (k, n, value, y) =>
    overFreeElements(k, n, [y], ({ store }) => store(0, value)),
  ),
];
