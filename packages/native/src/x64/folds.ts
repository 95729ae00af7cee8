// Instructions that combine the lanes of vectors, and the larger or smaller of two.
import type { FoldName } from "@shardgrad/core/kernels";
import type { Asm } from "../assembler/asm.ts";
import type { Width } from "../assembler/operands.ts";
import type { Machine } from "./machine.ts";
import { reversed } from "./needs.ts";

/** A mask that is saved while it is used for something else. */
const borrowedMask = 1;

/** A register that holds nothing. */
import { scratch } from "./frame.ts";

const folds = {
  ...({ add: "vaddps", mul: "vmulps", pmin: "vminps", pmax: "vmaxps" } as const),
  ...({ addWide: "vaddpd", addUp: "vaddps" } as const),
} as const;

/** The upper half of a vector of `width` bytes. */
export function upperHalf(a: Asm, machine: Machine, width: Width, to: number, from: number): void {
  if (width === 64) a.extract("vextractf64x4", 64, to, from, 1);
  else a.extract(machine.maskRegisters > 0 ? "vextractf32x4" : "vextractf128", 32, to, from, 1);
}
/** NaN where either is; -0 is below 0. `to` and `t` are neither x nor y. */
export function extremum(
  a: Asm,
  machine: Machine,
  min: boolean,
  x: number,
  y: number,
  to: number,
  t: number,
  width = machine.width,
): void {
  const name = min ? "vminps" : "vmaxps";
  a.op3(name, width, to, x, y);
  a.op3(name, width, t, y, x);
  // The two orders differ for zeros, and for NaN.
  a.op3(min ? "vorps" : "vandps", width, to, to, t);
  const unordered = 3;
  if (machine.maskRegisters > 0) {
    a.kmovw(scratch, borrowedMask);
    a.op3i("vcmppsK", width, borrowedMask, x, y, unordered);
    a.op3("vaddps", width, to, x, y, { k: borrowedMask });
    a.kmovw(borrowedMask, scratch);
  } else {
    a.op3i("vcmpps", width, t, x, y, unordered);
    a.op3("vorps", width, to, to, t);
  }
}

/** Combines 16 lanes: parts that lie 8 lanes apart, then 4, then halves of a vector, down to one lane; it goes to all. */
export function foldLanes(
  a: Asm,
  machine: Machine,
  fold: FoldName,
  parts: readonly number[],
  to: number,
  temporaries: readonly number[],
): void {
  const { width } = machine;
  const [t, u, v] = temporaries as [number, number, number];
  const wide = fold === "addWide";
  const combine = (size: typeof width, d: number, low: number, high: number) => {
    if (fold === "min" || fold === "max") {
      extremum(a, machine, fold === "min", low, high, u, v, size);
      a.vmovups(width, d, u);
    } else if (reversed.has(`v.${fold}`)) a.op3(folds[fold], size, d, high, low);
    else a.op3(folds[fold], size, d, low, high);
  };
  // Parts that lie 8 lanes apart, then 4.
  let current = parts;
  if (current.length === 4) {
    combine(width, to, current[0]!, current[2]!);
    combine(width, t, current[1]!, current[3]!);
    current = [to, t];
  }
  if (current.length === 2) {
    combine(width, to, current[0]!, current[1]!);
    current = [to];
  } else if (current[0] !== to) a.vmovups(width, to, current[0]!);
  // Halves of a vector, down to one lane.
  if (width === 64) {
    upperHalf(a, machine, 64, t, to);
    combine(32, to, to, t);
  }
  upperHalf(a, machine, 32, t, to);
  combine(16, to, to, t);
  if (fold === "addUp") {
    // Four lanes are left: two and one apart are added in float64.
    a.op2("vcvtps2pd", 32, to, to);
    upperHalf(a, machine, 32, t, to);
    a.op3("vaddpd", 16, to, to, t);
    a.op2i("vpermilps", 16, t, to, 0b01_00_11_10);
    a.op3("vaddpd", 16, to, to, t);
    a.op2("vbroadcastsd", width, to, to);
    return;
  }
  if (!wide) {
    a.op2i("vpermilps", 16, t, to, 0b01_00_11_10);
    combine(16, to, to, t);
    a.op2i("vpermilps", 16, t, to, 0b10_11_00_01);
  } else a.op2i("vpermilps", 16, t, to, 0b01_00_11_10);
  combine(16, to, to, t);
  if (wide) a.op2("vbroadcastsd", width, to, to);
  else a.op2("vbroadcastss", width, to, to);
}
