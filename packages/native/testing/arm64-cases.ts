// Instructions of arm64 as text for GNU as, beside the calls that should make the same word.
import { Asm, sp } from "../src/arm64/asm.ts";
import type { Condition, LaneMove, Move, Pair, Shift, Splat, Three, Two } from "../src/arm64/instructions.ts";
import {
  conditions,
  laneMoves,
  moves,
  pairs,
  shifts,
  splats,
  three,
  two,
} from "../src/arm64/instructions.ts";
import { newLabel } from "../src/assembler/labels.ts";
import { Operands } from "./encode-case.ts";

export interface Arm64Case {
  readonly text: string;
  emit(asm: Asm): void;
}

/** A label that lies so many bytes behind the instruction that refers to it. */
const labelDistance = 64;
const behind = newLabel();

/** The word that the assembler makes of a case. */
export function wordOf({ emit }: Arm64Case): string {
  const asm = new Asm();
  emit(asm);
  behind.at = labelDistance;
  const code = asm.finish();
  if (code.length !== 4) throw new Error(`a case has ${code.length} bytes`);
  return new DataView(code.buffer).getUint32(0, true).toString(16).padStart(8, "0");
}

const keysOf = <K extends string>(table: Readonly<Record<K, unknown>>) => Object.keys(table) as K[];
const x = (n: number) => (n === 31 ? "xzr" : `x${n}`);
const address = (n: number) => (n === sp ? "sp" : `x${n}`);
const at = (n: number, offset: number) => `[${address(n)}${offset === 0 ? "" : `, #${offset}`}]`;

/** An operand by the word for it in a name (instructions.ts). */
function operandText(shape: string, n: number): string {
  if (shape === "x") return x(n);
  if (shape === "w") return n === 31 ? "wzr" : `w${n}`;
  if (shape === "s" || shape === "d" || shape === "q") return `${shape}${n}`;
  if (shape === "s0" || shape === "d0") return `v${n}.${shape[0]}[0]`;
  return `v${n}.${shape}`;
}

/** A name's instruction with these registers, and what follows them. */
function textOf(name: string, registers: readonly number[], ...more: readonly string[]): string {
  const [mnemonic, ...shapes] = name.split(".") as [string, ...string[]];
  const operands = registers.map((n, i) => operandText(shapes[Math.min(i, shapes.length - 1)]!, n));
  return `${mnemonic} ${[...operands, ...more].join(", ")}`;
}

/** Sets of registers: all bits of each number are used. */
const sets = (operands: Operands, count: number) => [
  Array.from({ length: count }, () => operands.next(32)),
  Array.from({ length: count }, () => operands.next(32)),
  Array.from({ length: count }, (_, i) => (i % 2 ? 10 : 21)),
];

function lanesCases(operands: Operands): Arm64Case[] {
  const threes = keysOf<Three>(three).flatMap((name) =>
    sets(operands, 3).map((registers) => {
      const [d, n, m] = registers as [number, number, number];
      return { text: textOf(name, registers), emit: (asm: Asm) => asm.three(name, d, n, m) };
    }),
  );
  const twos = keysOf<Two>(two).flatMap((name) =>
    sets(operands, 2).map((registers) => {
      const [d, n] = registers as [number, number];
      return { text: textOf(name, registers), emit: (asm: Asm) => asm.two(name, d, n) };
    }),
  );
  const ofShifts = keysOf<Shift>(shifts).flatMap((name) => {
    const { bits, isRight } = shifts[name];
    const amounts = isRight ? [1, bits / 2 - 3, bits] : [0, bits / 2 - 3, bits - 1];
    return amounts.map((by) => {
      const [d, n] = [operands.next(32), operands.next(32)];
      return { text: textOf(name, [d, n], `#${by}`), emit: (asm: Asm) => asm.shift(name, d, n, by) };
    });
  });
  return [
    ...threes,
    ...twos,
    ...ofShifts,
    { text: "mov v9.16b, v30.16b", emit: (asm) => asm.copy(9, 30) },
    { text: "movi v29.2d, #0", emit: (asm) => asm.clear(29) },
    { text: "ext v1.16b, v18.16b, v7.16b, #8", emit: (asm) => asm.halves(1, 18, 7) },
  ];
}

function integerCases(operands: Operands): Arm64Case[] {
  const register = () => operands.next(31);
  const cases: Arm64Case[] = [];
  for (const by of [0, 1, 2, 3]) {
    const [d, n, m] = [register(), register(), register()];
    const shift = by === 0 ? "" : `, lsl #${by}`;
    cases.push({
      text: `add x${d}, x${n}, x${m}${shift}`,
      emit: (asm) => asm.addShifted(d, n, m, by),
    });
  }
  for (const imm of [0, 1, 4095, 4096, 40960, 4095 * 4096, -1, -4095, -4096, -8192]) {
    const [d, n] = imm % 2 ? [register(), register()] : [sp, sp];
    const text = `${imm < 0 ? "sub" : "add"} ${address(d)}, ${address(n)}, #${Math.abs(imm)}`;
    cases.push({ text, emit: (asm) => asm.addImmediate(d, n, imm) });
  }
  for (const imm of [0, 7, 4095, -1, -4095]) {
    const n = register();
    const text = `${imm < 0 ? "cmn" : "cmp"} x${n}, #${Math.abs(imm)}`;
    cases.push({ text, emit: (asm) => asm.compareImmediate(n, imm) });
  }
  for (const by of [1, 17, 63]) {
    const [d, n] = [register(), register()];
    cases.push(
      { text: `lsl x${d}, x${n}, #${by}`, emit: (asm) => asm.shiftLeft(d, n, by) },
      { text: `lsr x${d}, x${n}, #${by}`, emit: (asm) => asm.shiftRight(d, n, by) },
      { text: `lsr w${d}, w${n}, #${by >> 1}`, emit: (asm) => asm.shiftWordRight(d, n, by >> 1) },
    );
  }
  for (const condition of keysOf<Condition>(conditions)) {
    const [d, n, m] = [register(), register(), register()];
    cases.push(
      { text: `csel x${d}, x${n}, x${m}, ${condition}`, emit: (asm) => asm.choose(d, n, m, condition) },
      { text: `cset x${d}, ${condition}`, emit: (asm) => asm.truth(d, condition) },
      { text: `b.${condition} .+${labelDistance}`, emit: (asm) => asm.jumpIf(condition, behind) },
    );
  }
  for (const part of [0, 1, 2, 3]) {
    const [d, imm] = [register(), operands.next(65536)];
    const to = `x${d}, #${imm}, lsl #${16 * part}`;
    cases.push(
      { text: `movz ${to}`, emit: (asm) => asm.movePart(d, imm, part, false) },
      { text: `movn ${to}`, emit: (asm) => asm.movePart(d, imm, part, true) },
      { text: `movk ${to}`, emit: (asm) => asm.keepPart(d, imm, part) },
    );
  }
  for (const number of [0, 5, 65536, 2 ** 48, -1, -65537])
    cases.push({ text: `mov x11, #${number}`, emit: (asm) => asm.number(11, number) });
  return [
    ...cases,
    { text: "cmp x3, x28", emit: (asm) => asm.compare(3, 28) },
    { text: "mov x3, x28", emit: (asm) => asm.move(3, 28) },
    { text: `b .+${labelDistance}`, emit: (asm) => asm.jump(behind) },
    { text: `bl .+${labelDistance}`, emit: (asm) => asm.call(behind) },
    { text: `cbz x19, .+${labelDistance}`, emit: (asm) => asm.jumpIfZero(19, behind) },
    { text: `cbnz x19, .+${labelDistance}`, emit: (asm) => asm.jumpUnlessZero(19, behind) },
    { text: "blr x16", emit: (asm) => asm.callAt(16) },
    { text: "ret", emit: (asm) => asm.return() },
  ];
}

function memoryCases(operands: Operands): Arm64Case[] {
  const place = (offset: number) => ({ n: offset % 3 === 0 ? sp : operands.next(31), offset });
  const offsets = (bytes: number) => [0, bytes, 4095 * bytes, 1, 255, -1, -256, -bytes].map(place);
  const ofMoves = keysOf<Move>(moves).flatMap((name) =>
    offsets(moves[name].bytes).map(({ n, offset }) => {
      const t = operands.next(31);
      return { text: textOf(name, [t], at(n, offset)), emit: (asm: Asm) => asm.transfer(name, t, n, offset) };
    }),
  );
  const thenMoved = keysOf<Move>(moves).map((name) => {
    const [t, n] = [operands.next(15), 16 + operands.next(15)];
    return { text: textOf(name, [t], `[x${n}], #4`), emit: (asm: Asm) => asm.thenMove(name, t, n, 4) };
  });
  const prefetched = offsets(8).map(({ n, offset }) => ({
    text: `prfm pldl1keep, ${at(n, offset)}`,
    emit: (asm: Asm) => asm.prefetch(n, offset),
  }));
  const ofSplats = keysOf<Splat>(splats).map((name) => {
    const [t, n] = [operands.next(32), operands.next(31)];
    const [mnemonic, shape] = name.split(".");
    return { text: `${mnemonic} {v${t}.${shape}}, [x${n}]`, emit: (asm: Asm) => asm.splat(name, t, n) };
  });
  const ofLanes = keysOf<LaneMove>(laneMoves).flatMap((name) =>
    [0, 1, 2, 3].map((lane) => {
      const [t, n] = [operands.next(32), operands.next(31)];
      return {
        text: `${name} {v${t}.s}[${lane}], [x${n}], #4`,
        emit: (asm: Asm) => asm.lane(name, t, lane, n),
      };
    }),
  );
  const ofPairs = keysOf<Pair>(pairs).map((name) => {
    const [first, second] = [operands.next(15), 15 + operands.next(15)];
    const stack = name.startsWith("st") ? "[sp, #-16]!" : "[sp], #16";
    return { text: textOf(name, [first, second], stack), emit: (asm: Asm) => asm.pair(name, first, second) };
  });
  return [
    ...ofMoves,
    ...thenMoved,
    ...prefetched,
    ...ofSplats,
    ...ofLanes,
    ...ofPairs,
    { text: `ldr q19, .+${labelDistance}`, emit: (asm) => asm.literal(19, behind) },
  ];
}

/** Every form of every instruction. */
export function arm64Cases(): Arm64Case[] {
  const operands = new Operands(5);
  return [...lanesCases(operands), ...integerCases(operands), ...memoryCases(operands)];
}
