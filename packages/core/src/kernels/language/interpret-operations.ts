// What each operation of the kernel language computes, lane by lane. Float operations are computed in float64 and rounded,
// which is exact for one operation; `fusedMultiplyAdd` says why its detour is.
import type { FoldName, Operation, Target } from "./values.ts";

/** Lanes of 32 bits, seen as integers and as floats. */
export interface Lanes {
  readonly ints: Int32Array;
  readonly floats: Float32Array;
}

/** float64 lanes, and their bits. */
export interface Wide {
  readonly floats: Float64Array;
  readonly bits: BigInt64Array;
}

/** A value: an integer, the count of a tail, lanes, or a truth for each lane. */
export type Held = number | Lanes | Wide | readonly boolean[];

export function lanesOf(count: number, bits: (lane: number) => number): Lanes {
  const ints = Int32Array.from({ length: count }, (_, i) => bits(i));
  return { ints, floats: new Float32Array(ints.buffer) };
}

function floatsOf(count: number, float: (lane: number) => number): Lanes {
  const floats = Float32Array.from({ length: count }, (_, i) => float(i));
  return { ints: new Int32Array(floats.buffer), floats };
}

export function wideOf(count: number, float: (lane: number) => number): Wide {
  const floats = Float64Array.from({ length: count }, (_, i) => float(i));
  return { floats, bits: new BigInt64Array(floats.buffer) };
}

function wideOfBits(count: number, bits: (lane: number) => bigint): Wide {
  const all = BigInt64Array.from({ length: count }, (_, i) => BigInt.asIntN(64, bits(i)));
  return { floats: new Float64Array(all.buffer), bits: all };
}

const double = new Float64Array(1);
const doubleBits = new BigInt64Array(double.buffer);

/**
 * a·b + c of float32 numbers, rounded once. The product is exact in float64. The sum is rounded to odd there (its last bit
 * set if it is not exact), which leaves enough for the second rounding to be right (Boldo and Melquiond).
 */
export function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const back = sum - product;
  const lost = product - (sum - back) + (c - back);
  if (lost === 0 || !Number.isFinite(sum) || Number.isNaN(lost)) return Math.fround(sum);
  double[0] = sum;
  // Away from zero if what was lost points there, else the neighbour towards it: whichever of the two is odd.
  if ((doubleBits[0]! & 1n) === 0n) doubleBits[0] = doubleBits[0]! + (lost > 0 === sum > 0 ? 1n : -1n);
  return Math.fround(double[0]!);
}

function nearestEven(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) >= 2 ** 52) return x;
  const magic = x < 0 || Object.is(x, -0) ? -(2 ** 52) : 2 ** 52;
  const rounded = x + magic - magic;
  return rounded === 0 ? (magic < 0 ? -0 : 0) : rounded;
}

const floats: Partial<Record<Operation, (a: number, b: number) => number>> = {
  "v.add": (a, b) => a + b,
  "v.sub": (a, b) => a - b,
  "v.mul": (a, b) => a * b,
  "v.div": (a, b) => a / b,
  "v.sqrt": (a) => Math.sqrt(a),
  "v.pmin": (a, b) => (b < a ? b : a),
  "v.pmax": (a, b) => (a < b ? b : a),
  "v.min": Math.min,
  "v.max": Math.max,
  "v.nearest": nearestEven,
  "v.floor": Math.floor,
  "v.trunc": Math.trunc,
};

const words: Partial<Record<Operation, (a: number, b: number) => number>> = {
  "v.and": (a, b) => a & b,
  "v.or": (a, b) => a | b,
  "v.xor": (a, b) => a ^ b,
  "v.andNot": (a, b) => a & ~b,
  "v.addI": (a, b) => a + b,
  "v.subI": (a, b) => a - b,
  "v.mulI": Math.imul,
  "v.maxI": Math.max,
  "v.mulHighU": (a, b) => Number(BigInt.asIntN(32, (BigInt(a >>> 0) * BigInt(b >>> 0)) >> 32n)),
};

const wordShifts: Partial<Record<Operation, (a: number, by: number) => number>> = {
  "v.shl": (a, by) => a << by,
  "v.shr": (a, by) => a >>> by,
  "v.sar": (a, by) => a >> by,
};

const wides: Partial<Record<Operation, (a: number, b: number) => number>> = {
  "d.add": (a, b) => a + b,
  "d.sub": (a, b) => a - b,
  "d.mul": (a, b) => a * b,
  "d.div": (a, b) => a / b,
  "d.sqrt": (a) => Math.sqrt(a),
  "d.pmin": (a, b) => (b < a ? b : a),
  "d.pmax": (a, b) => (a < b ? b : a),
  "d.nearest": nearestEven,
};

const wideBits: Partial<Record<Operation, (a: bigint, b: bigint) => bigint>> = {
  "d.and": (a, b) => a & b,
  "d.xor": (a, b) => a ^ b,
  "d.addI": (a, b) => a + b,
  "d.subI": (a, b) => a - b,
};

const compares: Partial<Record<Operation, (a: number, b: number) => boolean>> = {
  "v.lt": (a, b) => a < b,
  "v.le": (a, b) => a <= b,
  "v.gt": (a, b) => a > b,
  "v.ge": (a, b) => a >= b,
  "v.eq": (a, b) => a === b,
  "v.ne": (a, b) => a !== b,
};

/** On integers that may be larger than 32 bits, so without the bit operations of numbers where they are. */
const bitwise = (a: number, b: number, f: (a: bigint, b: bigint) => bigint) =>
  Number(f(BigInt(a), BigInt(b)));

const ints: Partial<Record<Operation, (a: number, b: number, immediate: number, isWord: boolean) => number>> =
  {
    "int.add": (a, b) => a + b,
    "int.sub": (a, b) => a - b,
    // An integer has no -0.
    "int.mul": (a, b) => a * b + 0,
    "int.div": (a, b) => {
      if (b === 0) throw new Error("int.div: divides by 0");
      return Math.floor(a / b);
    },
    "int.and": (a, b) => bitwise(a, b, (x, y) => x & y),
    "int.or": (a, b) => bitwise(a, b, (x, y) => x | y),
    "int.xor": (a, b) => bitwise(a, b, (x, y) => x ^ y),
    "int.shl": (a, _b, by) => a * 2 ** by,
    "int.shr": (a, _b, by, isWord) => (isWord ? (a >>> by) | 0 : Math.floor(a / 2 ** by)),
    "int.lt": (a, b) => Number(a < b),
    "int.le": (a, b) => Number(a <= b),
    "int.gt": (a, b) => Number(a > b),
    "int.ge": (a, b) => Number(a >= b),
    "int.eq": (a, b) => Number(a === b),
    "int.ne": (a, b) => Number(a !== b),
    "to.ptr": (a) => a,
    "to.near": (a) => a,
    "to.i32": (a) => a,
  };

type Masks = readonly boolean[];

/** From which of the lanes of two vectors each lane of the result comes. */
const moves: Partial<Record<Operation, (lane: number, lanes: number) => number>> = {
  "v.evens": (lane) => 2 * lane,
  "v.odds": (lane) => 2 * lane + 1,
  "v.zipLow": (lane, lanes) => (lane % 2) * lanes + (lane >> 1),
  "v.zipHigh": (lane, lanes) => (lane % 2) * lanes + lanes / 2 + (lane >> 1),
};

/** Operations whose operands and result differ in type. */
const others: Partial<Record<Operation, (args: readonly Held[], lanes: number, target: Target) => Held>> = {
  "v.madd"(args, lanes, { fuses }) {
    const [a, b, c] = (args as Lanes[]).map(({ floats: all }) => all) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ];
    const twice = (i: number) => Math.fround(a[i]! * b[i]!) + c[i]!;
    return floatsOf(lanes, (i) => (fuses ? fusedMultiplyAdd(a[i]!, b[i]!, c[i]!) : twice(i)));
  },
  "v.toFloat": ([a], lanes) => floatsOf(lanes, (i) => (a as Lanes).ints[i]!),
  "v.toInt": ([a], lanes) => lanesOf(lanes, (i) => Math.trunc((a as Lanes).floats[i]!)),
  "v.index": (_, lanes) => lanesOf(lanes, (i) => i),
  "v.splatI": ([a], lanes) => lanesOf(lanes, () => a as number),
  "v.ltI": ([a, b], lanes) => truths(lanes, (i) => (a as Lanes).ints[i]! < (b as Lanes).ints[i]!),
  "v.eqI": ([a, b], lanes) => truths(lanes, (i) => (a as Lanes).ints[i] === (b as Lanes).ints[i]),
  "v.select": ([yes, no, mask], lanes) =>
    lanesOf(lanes, (i) => ((mask as Masks)[i] ? (yes as Lanes) : (no as Lanes)).ints[i]!),
  "v.keep": ([a, mask], lanes) => lanesOf(lanes, (i) => ((mask as Masks)[i] ? (a as Lanes).ints[i]! : 0)),
  "v.drop": ([a, mask], lanes) => lanesOf(lanes, (i) => ((mask as Masks)[i] ? 0 : (a as Lanes).ints[i]!)),
  "mask.and": ([a, b], lanes) => truths(lanes, (i) => (a as Masks)[i]! && (b as Masks)[i]!),
  "mask.or": ([a, b], lanes) => truths(lanes, (i) => (a as Masks)[i]! || (b as Masks)[i]!),
  "mask.not": ([a], lanes) => truths(lanes, (i) => !(a as Masks)[i]),
  "mask.any": ([a]) => Number((a as Masks).includes(true)),
  "mask.all": ([a]) => Number(!(a as Masks).includes(false)),
  "tail.first": ([count]) => count!,
  "tail.some": ([count]) => count!,
  "mask.tail": ([count], lanes) => truths(lanes, (i) => i < (count as number)),
  "int.pick": ([yes, no, flag]) => (flag === 0 ? no! : yes!),
  "d.low": ([a], lanes) => wideOf(lanes / 2, (i) => (a as Lanes).floats[i]!),
  "d.high": ([a], lanes) => wideOf(lanes / 2, (i) => (a as Lanes).floats[i + lanes / 2]!),
  "d.splat": ([a], lanes) => wideOf(lanes / 2, () => (a as Lanes).floats[0]!),
  "d.splatI": ([a], lanes) => wideOf(lanes / 2, () => a as number),
  "v.round": ([a], lanes) => floatsOf(lanes, () => (a as Wide).floats[0]!),
  "v.narrow": ([low, high], lanes) =>
    floatsOf(lanes, (i) => [...(low as Wide).floats, ...(high as Wide).floats][i]!),
};

function truths(lanes: number, of: (lane: number) => boolean): boolean[] {
  return Array.from({ length: lanes }, (_, i) => of(i));
}

interface Context {
  readonly immediate: number;
  readonly target: Target;
  /** Whether the integers are `i32`, not addresses. */
  readonly isWord: boolean;
}

/** What an operation makes of its operands. */
export function evaluate(operation: Operation, args: readonly Held[], context: Context): Held {
  const { immediate, target } = context;
  const { lanes } = target;
  const own = others[operation];
  if (own) return own(args, lanes, target);
  const int = ints[operation];
  if (int)
    return onInts(operation, int(args[0] as number, args[1] as number, immediate, context.isWord), context);
  return operation.startsWith("d.")
    ? onWide(operation, args as readonly Wide[], lanes / 2, immediate)
    : onLanes(operation, args as readonly Lanes[], lanes, immediate);
}

function onLanes(operation: Operation, [a, b]: readonly Lanes[], lanes: number, immediate: number): Held {
  const [float, word] = [floats[operation], words[operation]];
  const [shift, compare, move] = [wordShifts[operation], compares[operation], moves[operation]];
  if (float) return floatsOf(lanes, (i) => float(a!.floats[i]!, b ? b.floats[i]! : 0));
  if (word) return lanesOf(lanes, (i) => word(a!.ints[i]!, b!.ints[i]!));
  if (move) return lanesOf(lanes, (i) => [...a!.ints, ...b!.ints][move(i, lanes)]!);
  if (shift) return lanesOf(lanes, (i) => shift(a!.ints[i]!, immediate));
  return truths(lanes, (i) => compare!(a!.floats[i]!, b!.floats[i]!));
}

function onWide(operation: Operation, [a, b]: readonly Wide[], count: number, immediate: number): Wide {
  const [wide, bits] = [wides[operation], wideBits[operation]];
  if (wide) return wideOf(count, (i) => wide(a!.floats[i]!, b ? b.floats[i]! : 0));
  if (bits) return wideOfBits(count, (i) => bits(a!.bits[i]!, b!.bits[i]!));
  const by = BigInt(immediate);
  if (operation === "d.shl") return wideOfBits(count, (i) => a!.bits[i]! << by);
  return wideOfBits(count, (i) => BigInt.asUintN(64, a!.bits[i]!) >> by);
}

/** Counts and indices must not overflow: backends would differ. */
function onInts(operation: Operation, result: number, { isWord }: Context): number {
  if (isWord && result !== (result | 0)) throw new Error(`${operation}: ${result} is no 32-bit integer`);
  return result;
}

const folds: Record<Exclude<FoldName, "addUp">, Operation> = {
  add: "v.add",
  mul: "v.mul",
  pmin: "v.pmin",
  pmax: "v.pmax",
  min: "v.min",
  max: "v.max",
  addWide: "d.add",
};

/** What a fold makes of two of its lanes, that are `apart`. */
export function foldPair(fold: FoldName, apart: number, a: number, b: number): number {
  if (fold === "addUp") return apart > 2 ? Math.fround(a + b) : a + b;
  const operation = folds[fold];
  return fold === "addWide" ? wides[operation]!(a, b) : Math.fround(floats[operation]!(a, b));
}
