// The gated recurrent cells. The table of kernels has the signatures and formulas.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Operand } from "../../language/notes.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import type { Elements } from "../loops/elements.ts";
import { overElements } from "../loops/elements.ts";
import { byteStep, copyOf, overRows } from "../loops/row-loops.ts";
import { sigmoid, tanh } from "../math/math.ts";

/** 1 - x */
const fromOne = (k: Recorder, x: Value) => k.sub(1, x);
const product = (k: Recorder, first: Operand, ...rest: readonly Operand[]) =>
  rest.reduce((left, right) => k.mul(left, right), first) as Value;

/** A matrix with so many gates in each row; those of [rows, hidden] have one. */
type Gates = readonly [address: Variable, gates: number];

/** Runs `body` over the units of each row: its arrays are the gates of all matrices, one after the other. */
function overUnits(
  k: Recorder,
  rows: Variable,
  hidden: Variable,
  matrices: readonly Gates[],
  body: (elements: Elements) => void,
): void {
  const step = byteStep(k, hidden);
  const moving = matrices.map(
    ([address, gates]) => [address, k.variable("ptr", k.mul(step, gates))] as const,
  );
  overRows(k, rows, moving, () => {
    const arrays = matrices.flatMap(([address, gates]) => {
      const all = [copyOf(k, address)];
      while (all.length < gates) all.push(k.variable("ptr", k.add(all.at(-1)!, step)));
      return all;
    });
    overElements(k, hidden, arrays, body);
  });
}

function lstmCell(
  k: Recorder,
  rows: Variable,
  hidden: Variable,
  gates: Variable,
  c0: Variable,
  c: Variable,
  h: Variable,
): void {
  const matrices: Gates[] = [
    [gates, 4],
    [c0, 1],
    [c, 1],
    [h, 1],
  ];
  overUnits(k, rows, hidden, matrices, ({ load, store }) => {
    const i = sigmoid(k, load(0));
    const f = sigmoid(k, load(1));
    const g = tanh(k, load(2));
    const o = sigmoid(k, load(3));
    const cell = k.add(k.mul(f, load(4)), k.mul(i, g));
    for (const [gate, value] of [i, f, g, o].entries()) store(gate, value);
    store(5, cell);
    store(6, k.mul(o, tanh(k, cell)));
  });
}

function lstmCellGrad(k: Recorder, rows: Variable, hidden: Variable, ...matrices: Variable[]): void {
  const [dh, dc, gates, c0, c, dgates] = matrices as [
    Variable,
    Variable,
    Variable,
    Variable,
    Variable,
    Variable,
  ];
  const all: Gates[] = [
    [dh, 1],
    [dc, 1],
    [gates, 4],
    [c0, 1],
    [c, 1],
    [dgates, 4],
  ];
  overUnits(k, rows, hidden, all, ({ load, store }) => {
    const [i, f, g, o] = [load(2), load(3), load(4), load(5)] as const;
    const t = tanh(k, load(7));
    const here = load(0);
    const cell = k.add(load(1), product(k, here, o, fromOne(k, k.mul(t, t))));
    store(8, product(k, cell, g, i, fromOne(k, i)));
    store(9, product(k, cell, load(6), f, fromOne(k, f)));
    store(10, product(k, cell, i, fromOne(k, k.mul(g, g))));
    store(11, product(k, here, t, o, fromOne(k, o)));
    store(1, k.mul(cell, f));
  });
}

function gruCell(k: Recorder, rows: Variable, hidden: Variable, ...matrices: Variable[]): void {
  const [x, q, h0, saved, h] = matrices as [Variable, Variable, Variable, Variable, Variable];
  const all: Gates[] = [
    [x, 3],
    [q, 3],
    [h0, 1],
    [saved, 4],
    [h, 1],
  ];
  overUnits(k, rows, hidden, all, ({ load, store }) => {
    const r = sigmoid(k, k.add(load(0), load(3)));
    const z = sigmoid(k, k.add(load(1), load(4)));
    const through = load(5);
    const n = tanh(k, k.add(load(2), k.mul(r, through)));
    store(11, k.add(k.mul(fromOne(k, z), n), k.mul(z, load(6))));
    for (const [i, value] of [r, z, n, through].entries()) store(7 + i, value);
  });
}

function gruCellGrad(k: Recorder, rows: Variable, hidden: Variable, ...matrices: Variable[]): void {
  const [dh, saved, h0, dx, dq] = matrices as [Variable, Variable, Variable, Variable, Variable];
  const all: Gates[] = [
    [dh, 1],
    [saved, 4],
    [h0, 1],
    [dx, 3],
    [dq, 3],
  ];
  overUnits(k, rows, hidden, all, ({ load, store }) => {
    const [r, z, n, through] = [load(1), load(2), load(3), load(4)] as const;
    const here = load(0);
    const dn = product(k, here, fromOne(k, z), fromOne(k, k.mul(n, n)));
    const dz = product(k, here, k.sub(load(5), n), z, fromOne(k, z));
    const dr = product(k, dn, through, r, fromOne(k, r));
    for (const [i, value] of [dr, dz, dn].entries()) store(6 + i, value);
    for (const [i, value] of [dr, dz, k.mul(dn, r)].entries()) store(9 + i, value);
    store(0, k.mul(here, z));
  });
}

const pointers = (count: number) =>
  ["i32", "i32", ...Array.from({ length: count }, () => "ptr" as const)] as const;

export const recurrent: readonly Definition[] = [
  defineKernel("lstmCell", pointers(4), lstmCell),
  defineKernel("lstmCellGrad", pointers(6), lstmCellGrad),
  defineKernel("gruCell", pointers(5), gruCell),
  defineKernel("gruCellGrad", pointers(5), gruCellGrad),
];
