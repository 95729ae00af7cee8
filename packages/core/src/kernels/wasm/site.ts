// What the emission of values needs of the routine that they are in, and the instructions that it shares.
import type { Value, ValueType } from "../language/values.ts";
import type { Bytes } from "./bytes.ts";
import type { Code } from "./code.ts";
import type { WasmType } from "./instructions.ts";
import { lane, op, simd } from "./instructions.ts";

/** The memory and the instructions of a build. */
export interface Build {
  /** Whether there is relaxed SIMD, of which `madd` is used. */
  readonly relaxed: boolean;
  /**
   * Whether addresses of the heap have 64 bits. Then `near` ones, which always have 32, belong to a memory of their own: the
   * first one, of which engines keep the base at hand.
   */
  readonly wide: boolean;
  readonly shared: boolean;
  readonly maximumPages: number;
}

export function wasmTypeOf(type: ValueType, { wide }: Build): WasmType {
  if (type === "v" || type === "d" || type === "mask") return "v128";
  return type === "ptr" && wide ? "i64" : "i32";
}

/** What the values' emission needs of the routine that they are in. */
export interface Site {
  readonly code: Code;
  readonly build: Build;
  /** Puts a value onto the stack. */
  put(value: Value): void;
  /** Puts a value into a local, to be read until it is released. */
  hold(value: Value): number;
  release(value: Value): void;
  /** A new local, and one that is free again. */
  take(type: WasmType): number;
  give(type: WasmType, local: number): void;
}

const prefix = 0xfd;

export function emitLane(code: Bytes, instruction: number): void {
  code.byte(prefix);
  code.unsigned(instruction);
}

export const scratchView = new DataView(new ArrayBuffer(16));

/** A constant of all lanes, as one lane: that is half as long as all of them, and set outside of loops. */
export function emitLanes(code: Bytes, { type, making }: Value): void {
  if (making.by !== "constant") throw new Error(`wasm: a constant was expected, not ${making.by}`);
  if (type === "v") {
    code.byte(op.i32Const);
    code.signed(making.bits | 0);
    emitLane(code, simd["v.splatI"]!);
    return;
  }
  scratchView.setFloat64(0, making.number, true);
  code.byte(op.f64Const);
  for (let i = 0; i < 8; i++) code.byte(scratchView.getUint8(i));
  emitLane(code, lane.f64Splat);
}

export function emitConstant(code: Bytes): void {
  emitLane(code, lane.constant);
  for (let i = 0; i < 16; i++) code.byte(scratchView.getUint8(i));
}

export function emitInt({ code, build }: Site, number: number, type: ValueType): void {
  const isWide = wasmTypeOf(type, build) === "i64";
  code.byte(isWide ? op.i64Const : op.i32Const);
  code.signed(isWide ? number : number | 0);
}

/** Four-byte lanes of two vectors, numbered from 0 to 7. */
export function shuffle(code: Bytes, lanes: readonly number[]): void {
  emitLane(code, lane.shuffle);
  for (const from of lanes) code.byte(4 * from, 4 * from + 1, 4 * from + 2, 4 * from + 3);
}
