// What combines the lanes of vectors: folds, and rows and columns that change places.
import type { FoldName } from "@shardgrad/core/kernels";
import type { Asm } from "./asm.ts";
import { chooseExtreme } from "./lanes.ts";

const instructions = {
  add: "fadd.4s",
  addUp: "fadd.4s",
  mul: "fmul.4s",
  min: "fmin.4s",
  max: "fmax.4s",
  addWide: "fadd.2d",
} as const;

/** Combines 16 lanes: those 8 apart, then 4, 2 and 1. `to` and the temporaries are none of the parts. */
export function foldLanes(
  a: Asm,
  fold: FoldName,
  parts: readonly number[],
  to: number,
  [t, u, mask]: readonly [number, number, number],
): void {
  const combine = (d: number, low: number, high: number) => {
    if (fold === "pmin" || fold === "pmax") chooseExtreme(a, `v.${fold}`, d, low, high, mask);
    else a.three(instructions[fold], d, low, high);
  };
  if (parts.length === 8) {
    const [p, q, r, s, p8, q8, r8, s8] = parts as [
      ...[number, number, number, number],
      ...[number, number, number, number],
    ];
    combine(to, p, p8);
    combine(t, r, r8);
    combine(to, to, t);
    combine(t, q, q8);
    combine(u, s, s8);
    combine(t, t, u);
    combine(to, to, t);
    a.three("faddp.2d", to, to, to);
    return;
  }
  const [p, q, p8, q8] = parts as [number, number, number, number];
  combine(to, p, p8);
  combine(t, q, q8);
  combine(to, to, t);
  if (fold === "addUp") {
    // Four lanes are left: two and one apart are added in float64.
    a.two("fcvtl.2d.2s", t, to);
    a.two("fcvtl2.2d.4s", to, to);
    a.three("fadd.2d", to, t, to);
    a.three("faddp.2d", to, to, to);
    return;
  }
  a.halves(t, to, to);
  combine(to, to, t);
  a.two("rev64.4s", t, to);
  combine(to, to, t);
  // What compares decides by the order of its operands, which is that of the first lane.
  a.two("dup.4s.s0", to, to);
}

/** Exchanges rows and columns of 4 × 4 lanes in place. */
export function transposeLanes(
  a: Asm,
  [p, q, r, s]: readonly [number, number, number, number],
  [t, u]: readonly [number, number],
): void {
  a.three("trn1.4s", t, p, q);
  a.three("trn2.4s", q, p, q);
  a.three("trn1.4s", u, r, s);
  a.three("trn2.4s", s, r, s);
  a.three("zip1.2d", p, t, u);
  a.three("zip2.2d", r, t, u);
  a.three("zip2.2d", t, q, s);
  a.three("zip1.2d", q, q, s);
  a.copy(s, t);
}
