// How each kind of value comes onto the stack of WebAssembly. Knows instructions, not when values are made: that is
// emit-routine.ts.
// Longer than 350 lines: one table, an entry for each kind of value.
import type { FoldName, Operation, Place, StoreKind, Value, ValueType } from "../language/values.ts";
import type { Bytes } from "./bytes.ts";
import type { Code } from "./code.ts";
import type { WasmType } from "./instructions.ts";
import { integers, lane, laneShifts, op, simd } from "./instructions.ts";

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

const scratchView = new DataView(new ArrayBuffer(16));

/** A constant of all lanes, as one lane: that is half as long as all of them, and set outside of loops. */
function emitLanes(code: Bytes, { type, making }: Value): void {
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

function emitConstant(code: Bytes): void {
  emitLane(code, lane.constant);
  for (let i = 0; i < 16; i++) code.byte(scratchView.getUint8(i));
}

function emitInt({ code, build }: Site, number: number, type: ValueType): void {
  const isWide = wasmTypeOf(type, build) === "i64";
  code.byte(isWide ? op.i64Const : op.i32Const);
  code.signed(isWide ? number : number | 0);
}

/** Four-byte lanes of two vectors, numbered from 0 to 7. */
function shuffle(code: Bytes, lanes: readonly number[]): void {
  emitLane(code, lane.shuffle);
  for (const from of lanes) code.byte(4 * from, 4 * from + 1, 4 * from + 2, 4 * from + 3);
}

// Memory

function memoryArgument({ code, build }: Site, type: ValueType, offset: number): void {
  const memory = build.wide && type === "ptr" ? 1 : 0;
  code.unsigned(memory ? 64 : 0);
  if (memory) code.unsigned(memory);
  code.unsigned(offset);
}

/** What stays of a place's offset for the instruction; the address is on the stack. */
function putAddress(site: Site, { base, index, scale, offset }: Place): number {
  const { code, build } = site;
  const wide = wasmTypeOf(base.type, build) === "i64" ? 2 : 1;
  site.put(base);
  if (index) {
    site.put(index);
    if (scale > 1) {
      emitInt(site, Math.log2(scale), base.type);
      code.byte(integers["int.shl"]![wide]!);
    }
    code.byte(integers["int.add"]![wide]!);
  }
  if (offset >= 0) return offset;
  emitInt(site, offset, base.type);
  code.byte(integers["int.add"]![wide]!);
  return 0;
}

/** The address of a place in a local. */
function holdAddress(site: Site, place: Place): { local: number; offset: number; done: () => void } {
  if (!place.index && place.offset >= 0)
    return { local: site.hold(place.base), offset: place.offset, done: () => site.release(place.base) };
  const type = wasmTypeOf(place.base.type, site.build);
  const offset = putAddress(site, place);
  const local = site.take(type);
  site.code.set(local);
  return { local, offset, done: () => site.give(type, local) };
}

/** `then` if the local is larger than `than`, else `otherwise`; `type` is of what they leave on the stack. */
function choose(
  code: Code,
  local: number,
  than: number,
  type: number,
  then: () => void,
  otherwise?: () => void,
): void {
  code.get(local);
  code.byte(op.i32Const);
  code.signed(than);
  code.byte(op.i32GreaterThan, op.if, type);
  then();
  if (otherwise) {
    code.byte(op.else);
    otherwise();
  }
  code.byte(op.end);
}

/** Whether a tail is known to have one lane, and not all. */
const isPart = ({ making }: Value) => making.by === "operation" && making.operation === "tail.some";

function loadPart(site: Site, place: Place, tail: Value): void {
  const { code } = site;
  const count = site.hold(tail);
  const { local, offset, done } = holdAddress(site, place);
  const v128 = 0x7b;
  const load = (instruction: number) => {
    code.get(local);
    emitLane(code, instruction);
    memoryArgument(site, place.base.type, offset);
  };
  const three = () => {
    code.get(local);
    load(lane.load64Zero);
    emitLane(code, lane.load32Lane);
    memoryArgument(site, place.base.type, offset + 8);
    code.byte(2);
  };
  const none = () => {
    scratchView.setFloat64(0, 0);
    scratchView.setFloat64(8, 0);
    emitConstant(code);
  };
  const one = () => load(lane.load32Zero);
  const several = () => choose(code, count, 2, v128, three, () => load(lane.load64Zero));
  const part = (otherwise: () => void) => choose(code, count, 1, v128, several, otherwise);
  if (isPart(tail)) part(one);
  else
    choose(
      code,
      ...([count, 3, v128] as const),
      () => load(lane.load),
      () => part(() => choose(code, count, 0, v128, one, none)),
    );
  done();
  site.release(tail);
}

function storePart(site: Site, place: Place, tail: Value, value: Value): void {
  const { code } = site;
  const count = site.hold(tail);
  const { local, offset, done } = holdAddress(site, place);
  const lanes = site.hold(value);
  const store = (instruction: number, at: number, ofLane?: number) => {
    code.get(local);
    code.get(lanes);
    emitLane(code, instruction);
    memoryArgument(site, place.base.type, offset + at);
    if (ofLane !== undefined) code.byte(ofLane);
  };
  const several = () => {
    store(lane.store64Lane, 0, 0);
    choose(code, count, 2, op.noValue, () => store(lane.store32Lane, 8, 2));
  };
  const one = () => store(lane.store32Lane, 0, 0);
  const part = (otherwise: () => void) => choose(code, count, 1, op.noValue, several, otherwise);
  if (isPart(tail)) part(one);
  else
    choose(
      code,
      ...([count, 3, op.noValue] as const),
      () => store(lane.store, 0),
      () => part(() => choose(code, count, 0, op.noValue, one)),
    );
  site.release(value);
  done();
  site.release(tail);
}

const laneLoads = {
  v: lane.load,
  d: lane.load,
  splat: lane.load32Splat,
  splatWide: lane.load64Splat,
  first: lane.load32Zero,
  bytes: lane.load32Zero,
} as const;

function load(site: Site, { args, making }: Value) {
  if (making.by !== "load") return;
  const { kind, place } = making;
  if (kind === "part") return loadPart(site, place, args[0]!);
  const offset = putAddress(site, place);
  if (kind === "i32" || kind === "u8") site.code.byte(kind === "i32" ? op.i32Load : op.i32Load8);
  else emitLane(site.code, laneLoads[kind]);
  memoryArgument(site, place.base.type, offset);
  if (kind !== "bytes") return;
  emitLane(site.code, lane.extendBytes);
  emitLane(site.code, lane.extendHalves);
}

export function emitStore(site: Site, kind: StoreKind, place: Place, value: Value, tail?: Value) {
  if (kind === "part") return storePart(site, place, tail!, value);
  const { code } = site;
  const offset = putAddress(site, place);
  site.put(value);
  if (kind === "i32") code.byte(op.i32Store);
  else if (kind === "u8") code.byte(op.i32Store8);
  else if (kind === "v" || kind === "d") emitLane(code, lane.store);
  else emitLane(code, kind === "first" ? lane.store32Lane : lane.store64Lane);
  memoryArgument(site, place.base.type, offset);
  if (kind === "first" || kind === "firstWide") code.byte(0);
}

// Lanes

const foldInstructions: Record<FoldName, number> = {
  addUp: simd["v.add"]!,
  add: simd["v.add"]!,
  mul: simd["v.mul"]!,
  pmin: simd["v.pmin"]!,
  pmax: simd["v.pmax"]!,
  min: simd["v.min"]!,
  max: simd["v.max"]!,
  addWide: simd["d.add"]!,
};

/** 16 virtual lanes: those that are 8 apart meet first, then 4, 2, 1. Vectors hold them in order. */
function fold(site: Site, name: FoldName, values: readonly Value[]) {
  const { code } = site;
  const combine = () => emitLane(code, foldInstructions[name]);
  const tree = (parts: readonly Value[]) => {
    if (parts.length === 1) return site.put(parts[0]!);
    tree(parts.filter((_, i) => i % 2 === 0));
    tree(parts.filter((_, i) => i % 2 === 1));
    combine();
  };
  tree(values);
  if (name === "addUp") return addUp(site);
  const local = site.take("v128");
  const moved = (lanes: readonly number[]) => {
    code.get(local);
    code.get(local);
    shuffle(code, lanes);
  };
  const [halves, neighbours] = [
    [2, 3, 0, 1],
    [1, 0, 3, 2],
  ];
  for (const lanes of name === "addWide" ? [halves!] : [halves!, neighbours!]) {
    code.set(local);
    code.get(local);
    moved(lanes);
    combine();
  }
  // What compares decides by the order of its operands, which is that of the first lane.
  if (name !== "add" && name !== "mul" && name !== "addWide") {
    code.set(local);
    moved([0, 0, 0, 0]);
  }
  site.give("v128", local);
}

/** The sum in float64 of four float32 on the stack, in every lane: those 2 apart first. */
function addUp(site: Site) {
  const { code } = site;
  const local = site.take("v128");
  const again = (lanes: readonly number[]) => {
    code.get(local);
    code.get(local);
    shuffle(code, lanes);
  };
  code.set(local);
  code.get(local);
  emitLane(code, lane.promote);
  again([2, 3, 2, 3]);
  emitLane(code, lane.promote);
  emitLane(code, simd["d.add"]!);
  code.set(local);
  code.get(local);
  again([2, 3, 0, 1]);
  emitLane(code, simd["d.add"]!);
  site.give("v128", local);
}

/** Rows and columns of four variables change places. */
export function emitTranspose(site: Site, locals: readonly number[]): void {
  const { code } = site;
  const [a, b, c, d] = locals as [number, number, number, number];
  const pairs = Array.from({ length: 4 }, () => site.take("v128"));
  const mix = (x: number, y: number, lanes: readonly number[], to: number) => {
    code.get(x);
    code.get(y);
    shuffle(code, lanes);
    code.set(to);
  };
  const [low, high] = [
    [0, 4, 1, 5],
    [2, 6, 3, 7],
  ] as const;
  const [lowAB, lowCD, highAB, highCD] = pairs as [number, number, number, number];
  mix(a, b, low, lowAB);
  mix(c, d, low, lowCD);
  mix(a, b, high, highAB);
  mix(c, d, high, highCD);
  mix(lowAB, lowCD, [0, 1, 4, 5], a);
  mix(lowAB, lowCD, [2, 3, 6, 7], b);
  mix(highAB, highCD, [0, 1, 4, 5], c);
  mix(highAB, highCD, [2, 3, 6, 7], d);
  for (const local of pairs) site.give("v128", local);
}

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
      return load(site, value);
    case "fold":
      return fold(site, making.fold, value.args);
    case "constant":
      return type === "v" || type === "d" ? emitLanes(site.code, value) : emitInt(site, making.number, type);
    case "scratch":
      site.code.byte(op.globalGet, 0);
      return;
    case "read":
      throw new Error("wasm: a variable is read from its local");
  }
}
