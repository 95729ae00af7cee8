// Moving lanes between registers: rows and columns change places, every second lane, lanes in turn.
import type { Asm } from "../assembler/asm.ts";
import type { Width } from "../assembler/operands.ts";

/** Exchanges rows and columns of 8 × 8 or 16 × 16 lanes in place. */
export function transposeLanes(a: Asm, width: Width, variables: readonly number[], temporary: number): void {
  const registers = [...variables];
  /** Rows i and j become `low` and `high` of them. */
  const pair = (i: number, j: number, low: (d: number, x: number, y: number) => void, high: typeof low) => {
    const [x, y] = [registers[i]!, registers[j]!];
    low(temporary, x, y);
    high(y, x, y);
    a.vmovups(width, x, temporary);
  };
  const swap = (i: number, j: number) => {
    const [x, y] = [registers[i]!, registers[j]!];
    registers[i] = y;
    registers[j] = x;
  };
  const unpack = [
    (d: number, x: number, y: number) => a.op3("vunpcklps", width, d, x, y),
    (d: number, x: number, y: number) => a.op3("vunpckhps", width, d, x, y),
  ] as const;
  const halves = [0x44, 0xee].map(
    (control) => (d: number, x: number, y: number) => a.op3i("vshufps", width, d, x, y, control),
  );
  const byFour = width === 64 ? [0x88, 0xdd] : [0x20, 0x31];
  const quarters = byFour.map(
    (control) => (d: number, x: number, y: number) =>
      width === 64 ? a.op3i("vshuff32x4", 64, d, x, y, control) : a.op3i("vperm2f128", 32, d, x, y, control),
  );
  const count = registers.length;
  for (let group = 0; group < count; group += 4) {
    pair(group, group + 1, ...unpack);
    pair(group + 2, group + 3, ...unpack);
    pair(group, group + 2, halves[0]!, halves[1]!);
    pair(group + 1, group + 3, halves[0]!, halves[1]!);
    swap(group + 1, group + 2);
  }
  // Now group g has, in row i, the columns i, i + 4, … of its four rows.
  for (let i = 0; i < 4; i++) {
    pair(i, i + 4, quarters[0]!, quarters[1]!);
    if (count === 16) {
      pair(i + 8, i + 12, quarters[0]!, quarters[1]!);
      pair(i, i + 8, quarters[0]!, quarters[1]!);
      pair(i + 4, i + 12, quarters[0]!, quarters[1]!);
    }
  }
  permute(a, width, registers, variables, temporary);
}

/** Moves lanes so that what is in `from[i]` comes to be in `to[i]`. */
function permute(a: Asm, width: Width, from: number[], to: readonly number[], temporary: number): void {
  for (let i = 0; i < to.length; i++) {
    const [source, target] = [from[i]!, to[i]!];
    if (source === target) continue;
    a.vmovups(width, temporary, target);
    a.vmovups(width, target, source);
    a.vmovups(width, source, temporary);
    const other = from.indexOf(target, i);
    if (other >= 0) from[other] = source;
    from[i] = target;
  }
}

/** Every second lane of x and y, or their lanes in turn. `t` is neither of them, nor `to`. */
export function moveLanes(
  a: Asm,
  width: Width,
  operation: "v.evens" | "v.odds" | "v.zipLow" | "v.zipHigh",
  to: number,
  x: number,
  y: number,
  t: number,
): void {
  /** Groups of four lanes of two registers, chosen by two bits each (AVX-512), or halves (AVX2). */
  const groups = (d: number, first: number, second: number, ofFour: number, ofTwo: number) => {
    if (width === 64) a.op3i("vshuff32x4", 64, d, first, second, ofFour);
    else a.op3i("vperm2f128", 32, d, first, second, ofTwo);
  };
  if (operation === "v.evens" || operation === "v.odds") {
    groups(t, x, y, 0x88, 0x20);
    groups(to, x, y, 0xdd, 0x31);
    a.op3i("vshufps", width, to, t, to, operation === "v.evens" ? 0x88 : 0xdd);
    return;
  }
  const isLow = operation === "v.zipLow";
  a.op3("vunpcklps", width, t, x, y);
  a.op3("vunpckhps", width, to, x, y);
  groups(to, t, to, isLow ? 0x44 : 0xee, isLow ? 0x20 : 0x31);
  if (width === 64) a.op3i("vshuff32x4", 64, to, to, to, 0xd8);
}
