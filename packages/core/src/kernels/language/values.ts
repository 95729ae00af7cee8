// What a recorded kernel consists of: typed values, variables and statements. Backends and the interpreter read these;
// `Recorder` in recorder.ts writes them. Knows no machine.

/**
 * The types of values:
 *
 * - `i32`: a count, an index or a flag (1 or 0); arithmetic on it must not overflow
 * - `ptr`: an address in the heap, in bytes
 * - `near`: an address in the thread's own scratch memory
 * - `v`: float32 or int32 lanes, as many as the target has (`lanes`)
 * - `d`: float64 lanes, half as many
 * - `mask`: one bit of truth for each lane of a `v`
 * - `tail`: the first lanes of a `v`, by count, for the end of a row
 */
export type ValueType = "i32" | "ptr" | "near" | "v" | "d" | "mask" | "tail";

type Signature = readonly [args: readonly (ValueType | "int")[], to: ValueType | "int"];

/** All ints of an operation have one type of `i32`, `ptr`, `near`; an `int` result has it, too. */
const ints = {
  "int.add": [["int", "int"], "int"],
  "int.sub": [["int", "int"], "int"],
  "int.mul": [["int", "int"], "int"],
  /** Rounds down; both are positive. */
  "int.div": [["int", "int"], "int"],
  "int.and": [["int", "int"], "int"],
  "int.or": [["int", "int"], "int"],
  "int.xor": [["int", "int"], "int"],
  /** Shifts by the immediate. */
  "int.shl": [["int"], "int"],
  "int.shr": [["int"], "int"],
  "int.lt": [["int", "int"], "i32"],
  "int.le": [["int", "int"], "i32"],
  "int.gt": [["int", "int"], "i32"],
  "int.ge": [["int", "int"], "i32"],
  "int.eq": [["int", "int"], "i32"],
  "int.ne": [["int", "int"], "i32"],
  /** The first where the flag is not 0, else the second. */
  "int.pick": [["int", "int", "i32"], "int"],
  /** The same number as another type; it fits. */
  "to.ptr": [["int"], "ptr"],
  "to.near": [["int"], "near"],
  "to.i32": [["int"], "i32"],
} as const satisfies Record<string, Signature>;

/** Each float operation rounds once, to the nearest even. */
const lanes = {
  "v.add": [["v", "v"], "v"],
  "v.sub": [["v", "v"], "v"],
  "v.mul": [["v", "v"], "v"],
  "v.div": [["v", "v"], "v"],
  "v.sqrt": [["v"], "v"],
  /** a·b + c: rounded once on targets with fused multiply-add, else twice. */
  "v.madd": [["v", "v", "v"], "v"],
  /** b if b < a, else a: so a NaN in a stays, and one in b does not count. */
  "v.pmin": [["v", "v"], "v"],
  /** b if b > a, else a. */
  "v.pmax": [["v", "v"], "v"],
  /** NaN if either is; -0 is below 0. */
  "v.min": [["v", "v"], "v"],
  "v.max": [["v", "v"], "v"],
  /** To an integer, in floating point. */
  "v.nearest": [["v"], "v"],
  "v.floor": [["v"], "v"],
  "v.trunc": [["v"], "v"],
  "v.and": [["v", "v"], "v"],
  "v.or": [["v", "v"], "v"],
  "v.xor": [["v", "v"], "v"],
  /** a & ~b */
  "v.andNot": [["v", "v"], "v"],
  "v.addI": [["v", "v"], "v"],
  "v.subI": [["v", "v"], "v"],
  "v.mulI": [["v", "v"], "v"],
  "v.maxI": [["v", "v"], "v"],
  /** The upper 32 bits of the product of unsigned lanes. */
  "v.mulHighU": [["v", "v"], "v"],
  /** Shift by the immediate; `sar` keeps the sign. */
  "v.shl": [["v"], "v"],
  "v.shr": [["v"], "v"],
  "v.sar": [["v"], "v"],
  /** int32 lanes to float32, and back towards zero (of numbers that fit). */
  "v.toFloat": [["v"], "v"],
  "v.toInt": [["v"], "v"],
  /** 0, 1, 2 … as int32. */
  "v.index": [[], "v"],
  /** An i32 in every lane, as int32. */
  "v.splatI": [["i32"], "v"],
  "v.lt": [["v", "v"], "mask"],
  "v.le": [["v", "v"], "mask"],
  "v.gt": [["v", "v"], "mask"],
  "v.ge": [["v", "v"], "mask"],
  "v.eq": [["v", "v"], "mask"],
  /** True for NaN. */
  "v.ne": [["v", "v"], "mask"],
  "v.ltI": [["v", "v"], "mask"],
  "v.eqI": [["v", "v"], "mask"],
  /** The first where the mask is set, else the second. */
  "v.select": [["v", "v", "mask"], "v"],
  /** The lane where the mask is set, else 0; and the other way round. */
  "v.keep": [["v", "mask"], "v"],
  "v.drop": [["v", "mask"], "v"],
  /** The lanes 0, 2, … of the first, then those of the second; and 1, 3, …. */
  "v.evens": [["v", "v"], "v"],
  "v.odds": [["v", "v"], "v"],
  /** The lower halves, lane by lane in turn: a0, b0, a1, b1, …; and the upper halves. */
  "v.zipLow": [["v", "v"], "v"],
  "v.zipHigh": [["v", "v"], "v"],
  "mask.and": [["mask", "mask"], "mask"],
  "mask.or": [["mask", "mask"], "mask"],
  "mask.not": [["mask"], "mask"],
  "mask.any": [["mask"], "i32"],
  "mask.all": [["mask"], "i32"],
  /** The first `count` lanes; all of them from `lanes` on. */
  "tail.first": [["i32"], "tail"],
  /** The same where it is known that there is one, and that they are not all. */
  "tail.some": [["i32"], "tail"],
  "mask.tail": [["tail"], "mask"],
} as const satisfies Record<string, Signature>;

/** float64: a `v` becomes two `d`, its lower and its upper lanes. */
const doubles = {
  "d.low": [["v"], "d"],
  "d.high": [["v"], "d"],
  "d.add": [["d", "d"], "d"],
  "d.sub": [["d", "d"], "d"],
  "d.mul": [["d", "d"], "d"],
  "d.div": [["d", "d"], "d"],
  "d.sqrt": [["d"], "d"],
  "d.pmin": [["d", "d"], "d"],
  "d.pmax": [["d", "d"], "d"],
  "d.nearest": [["d"], "d"],
  "d.and": [["d", "d"], "d"],
  "d.xor": [["d", "d"], "d"],
  /** On the bits, as int64 lanes; the shifts are by the immediate and fill with zeros. */
  "d.addI": [["d", "d"], "d"],
  "d.subI": [["d", "d"], "d"],
  "d.shl": [["d"], "d"],
  "d.shr": [["d"], "d"],
  /** The lower and the upper half of a `v`, each lane rounded to float32. */
  "v.narrow": [["d", "d"], "v"],
  /** The first lane of a `d`, rounded to float32, in every lane. */
  "v.round": [["d"], "v"],
  /** The first lane of a `v` in every lane of a `d`. */
  "d.splat": [["v"], "d"],
  /** An i32 as float64 in every lane. */
  "d.splatI": [["i32"], "d"],
} as const satisfies Record<string, Signature>;

/** Operations of which the arguments alone decide the result; loads, constants and reads of variables are not among them. */
export const operations = { ...ints, ...lanes, ...doubles };
export type Operation = keyof typeof operations;

/**
 * How `fold` combines the 16 virtual lanes of its values: 8 apart, then 4, 2, 1. The result is in every lane. `addUp` makes
 * a float64 of float32: it adds those 8 and 4 apart in float32, then 2 and 1 in float64.
 */
export type FoldName = "add" | "mul" | "pmin" | "pmax" | "min" | "max" | "addWide" | "addUp";

/**
 * What a load reads: all lanes, one float in every lane, one float and zeros, the lanes of a tail and zeros, an integer,
 * float64 lanes, one float64 in every lane, or a byte for each lane, as int32.
 */
export type LoadKind = "v" | "splat" | "first" | "part" | "i32" | "u8" | "d" | "splatWide" | "bytes";
/** What a store writes. `part` leaves memory behind the tail as it is. */
export type StoreKind = "v" | "first" | "part" | "i32" | "u8" | "d" | "firstWide";

/** base + index·scale + offset, in bytes. */
export interface Place {
  readonly base: Value;
  readonly offset: number;
  readonly index?: Value;
  readonly scale: 1 | 2 | 4 | 8;
}

/** How a value comes about. */
export type Making =
  | { readonly by: "operation"; readonly operation: Operation; readonly immediate: number }
  | { readonly by: "constant"; readonly number: number; readonly bits: number }
  | { readonly by: "read"; readonly variable: Variable }
  | { readonly by: "load"; readonly kind: LoadKind; readonly place: Place }
  | { readonly by: "fold"; readonly fold: FoldName }
  /** The address of the thread's scratch memory, which is `near`. Contents do not survive a call. */
  | { readonly by: "scratch" };

/** An immutable value. Its number says in which order values were made. */
export interface Value {
  readonly number: number;
  readonly type: ValueType;
  readonly making: Making;
  /** The arguments of the operation or fold; for a load of a `part`, the tail. A place's values are not among them. */
  readonly args: readonly Value[];
}

/** A variable: made once, set any number of times. Parameters are variables. */
export interface Variable {
  readonly variable: number;
  readonly type: ValueType;
  readonly parameter: boolean;
}

export type Statement =
  | { readonly is: "value"; readonly value: Value }
  | { readonly is: "set"; readonly variable: Variable; readonly value: Value }
  | {
      readonly is: "store";
      readonly kind: StoreKind;
      readonly place: Place;
      readonly value: Value;
      readonly tail?: Value;
    }
  /** Exchanges rows and columns of as many variables as there are lanes. */
  | { readonly is: "transpose"; readonly variables: readonly Variable[] }
  | {
      readonly is: "if";
      readonly flag: Value;
      readonly yes: readonly Statement[];
      readonly no: readonly Statement[];
    }
  /** Runs the body, and again while `again` is not 0. */
  | { readonly is: "loop"; readonly body: readonly Statement[]; readonly again: Value }
  | { readonly is: "call"; readonly routine: Routine; readonly args: readonly Value[] }
  /** Sets so many bytes to 0, where the target has an instruction for that. */
  | { readonly is: "clear"; readonly place: Place; readonly bytes: Value }
  /** Asks the caches for a line. Changes no number. */
  | { readonly is: "prefetch"; readonly place: Place };

/** A function of a kernel. Parameters of type `v` are one float32 in every lane. */
export interface Routine {
  readonly name: string;
  readonly parameters: readonly Variable[];
  readonly variables: readonly Variable[];
  readonly body: readonly Statement[];
  /** The number that it returns, if it does. */
  readonly result?: Value;
}

/** What a definition may know of the machine that it is recorded for. None of it may change a bit, but `fuses`. */
export interface Target {
  /** float32 lanes of a vector: 4, 8 or 16. */
  readonly lanes: 4 | 8 | 16;
  /** Whether `madd` rounds once. */
  readonly fuses: boolean;
  /** Vectors that can be held at a time, besides what an operation needs for itself. */
  readonly registers: number;
  /** Whether there is an instruction that clears memory. */
  readonly clears: boolean;
  /** How many vectors an elementwise loop takes at a time: at most so many, and as fit so many operations. */
  readonly unroll: { readonly vectors: number; readonly operations: number };
  /** Whether lanes can be masked: else a tail costs branches. */
  readonly masks: boolean;
  /** The register tile of a matrix product: rows, and vectors of columns. */
  readonly tile: { readonly rows: number; readonly vectors: number };
  /**
   * Which operands of a matrix product are copied into panels: `all` where scratch memory is faster than the heap, `a`
   * where a pointer a row is dear, else `some`, as sizes make it worth it.
   */
  readonly packs: "all" | "a" | "some";
}
