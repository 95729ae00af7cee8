// How each kind of value comes onto the stack of WebAssembly. Knows instructions, not when values are made: that is
// emit-routine.ts.
import type { Operation, Value } from "../language/values.ts";
import { emitFold } from "./emit-folds.ts";
import { emitLoad } from "./emit-memory.ts";
import { integers, lane, laneShifts, op, simd } from "./instructions.ts";
import type { Site } from "./site.ts";
import { emitConstant, emitInt, emitLane, emitLanes, scratchView, shuffle, wasmTypeOf } from "./site.ts";

/** An operation of several instructions, or with other operands than its own. */
type Emitter = (site: Site, args: readonly Value[], immediate: number) => void;

/** The first lane, in every lane. */
function splatFirst({ code }: Site, extract: number, convert: number, splat: number): void {
  emitLane(code, extract);
  code.byte(0, convert);
  emitLane(code, splat);
}

/** Lanes of two vectors, numbered from 0 to 7. */
const shuffled =
  (...lanes: readonly number[]): Emitter =>
  (site, args) => {
    for (const value of args) site.put(value);
    shuffle(site.code, lanes);
  };

const several: Partial<Record<Operation, Emitter>> = {
  "v.evens": shuffled(0, 2, 4, 6),
  "v.odds": shuffled(1, 3, 5, 7),
  "v.zipLow": shuffled(0, 4, 1, 5),
  "v.zipHigh": shuffled(2, 6, 3, 7),
  "v.madd"(site, args) {
    const [a, b, c] = args as [Value, Value, Value];
    site.put(a);
    site.put(b);
    if (!site.build.relaxed) emitLane(site.code, simd["v.mul"]!);
    site.put(c);
    emitLane(site.code, site.build.relaxed ? lane.relaxedMadd : simd["v.add"]!);
  },
  "v.mulHighU"(site, args) {
    const { code } = site;
    const [a, b] = args.map((value) => site.hold(value)) as [number, number];
    for (const instruction of [lane.extendedMulLowU, lane.extendedMulHighU]) {
      code.get(a);
      code.get(b);
      emitLane(code, instruction);
    }
    shuffle(code, [1, 3, 5, 7]);
    for (const value of args) site.release(value);
  },
  "d.high"(site, [value]) {
    const local = site.hold(value!);
    site.code.get(local);
    site.code.get(local);
    shuffle(site.code, [2, 3, 2, 3]);
    emitLane(site.code, lane.promote);
    site.release(value!);
  },
  "v.narrow"(site, args) {
    for (const value of args) {
      site.put(value);
      emitLane(site.code, lane.demote);
    }
    shuffle(site.code, [0, 1, 4, 5]);
  },
  "v.round"(site, [value]) {
    site.put(value!);
    splatFirst(site, lane.f64Extract, op.f32Demote, lane.f32Splat);
  },
  "d.splat"(site, [value]) {
    site.put(value!);
    splatFirst(site, lane.f32Extract, op.f64Promote, lane.f64Splat);
  },
  "d.splatI"(site, [value]) {
    site.put(value!);
    site.code.byte(op.f64FromI32);
    emitLane(site.code, lane.f64Splat);
  },
  "v.index": emitIndex,
  "mask.tail"(site, [value]) {
    emitIndex(site);
    site.put(value!);
    emitLane(site.code, simd["v.splatI"]!);
    emitLane(site.code, simd["v.ltI"]!);
  },
  "tail.first": (site, [value]) => site.put(value!),
  "tail.some": (site, [value]) => site.put(value!),
  "int.pick"(site, args) {
    for (const value of args) site.put(value);
    site.code.byte(op.select);
  },
  "to.ptr"(site, [value]) {
    site.put(value!);
    if (!site.build.wide || value!.type === "ptr") return;
    site.code.byte(value!.type === "i32" ? op.i64ExtendSigned : op.i64ExtendUnsigned);
  },
  "to.near": (site, [value]) => toNarrow(site, value!),
  "to.i32": (site, [value]) => toNarrow(site, value!),
};

/** 0, 1, 2, 3 */
function emitIndex({ code }: Site) {
  for (let i = 0; i < 4; i++) scratchView.setInt32(4 * i, i, true);
  emitConstant(code);
}

function toNarrow(site: Site, value: Value): void {
  site.put(value);
  if (wasmTypeOf(value.type, site.build) === "i64") site.code.byte(op.i32Wrap);
}

function operate(site: Site, { args, making }: Value) {
  if (making.by !== "operation") return;
  const { code, build } = site;
  const { operation, immediate } = making;
  const own = several[operation];
  if (own) return own(site, args, immediate);
  for (const value of args) site.put(value);
  const [ofLanes, ofShift, ofInts] = [simd[operation], laneShifts[operation], integers[operation]];
  if (ofLanes !== undefined) return emitLane(code, ofLanes);
  if (ofShift !== undefined) {
    code.byte(op.i32Const);
    code.signed(immediate);
    return emitLane(code, ofShift);
  }
  if (!ofInts) throw new Error(`wasm: there is no instruction for ${operation}`);
  const { type } = args[0]!;
  if (operation === "int.shl" || operation === "int.shr") emitInt(site, immediate, type);
  if (wasmTypeOf(type, build) === "i64") code.byte(ofInts[2]);
  else code.byte(ofInts[type === "i32" ? 0 : 1]);
}

/** Puts a value onto the stack that is not in a local. */
export function emitValue(site: Site, value: Value) {
  const { making, type } = value;
  switch (making.by) {
    case "operation":
      return operate(site, value);
    case "load":
      return emitLoad(site, value);
    case "fold":
      return emitFold(site, making.fold, value.args);
    case "constant":
      return type === "v" || type === "d" ? emitLanes(site.code, value) : emitInt(site, making.number, type);
    case "scratch":
      site.code.byte(op.globalGet, 0);
      return;
    case "read":
      throw new Error("wasm: a variable is read from its local");
  }
}
