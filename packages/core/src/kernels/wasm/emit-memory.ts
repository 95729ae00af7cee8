// Loads and stores of WebAssembly, and tails, which have no masks: a tail is loaded and stored by what it has.
import type { Place, StoreKind, Value, ValueType } from "../language/values.ts";
import type { Code } from "./code.ts";
import { integers, lane, op } from "./instructions.ts";
import type { Site } from "./site.ts";
import { emitConstant, emitInt, emitLane, scratchView, wasmTypeOf } from "./site.ts";

const memoryOf = ({ build }: Site, type: ValueType) => (build.wide && type === "ptr" ? 1 : 0);

function memoryArgument(site: Site, type: ValueType, offset: number): void {
  const { code } = site;
  const memory = memoryOf(site, type);
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

export function emitLoad(site: Site, { args, making }: Value) {
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

export function emitClear(site: Site, place: Place, bytes: Value): void {
  const { code, build } = site;
  const { type } = place.base;
  const offset = putAddress(site, place);
  if (offset > 0) {
    emitInt(site, offset, type);
    code.byte(integers["int.add"]![wasmTypeOf(type, build) === "i64" ? 2 : 1]!);
  }
  emitInt(site, 0, "i32");
  site.put(bytes);
  code.byte(...op.memoryFill, memoryOf(site, type));
}
