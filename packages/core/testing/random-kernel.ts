// Random kernels in the kernel language, for comparing backends with the interpreter, bit by bit. All operations occur, in
// ifs, loops and routines. Integers keep known ranges, so nothing overflows and all addresses lie in their region; a number
// that may be NaN loses its bits before they are looked at, because those of a NaN differ between machines.
import type {
  Definition,
  defineKernel,
  defineRoutine,
  Operation,
  PlaceOperand,
  Recorder,
  Routine,
  Target,
  Value,
  Variable,
} from "../src/kernels.ts";

/** What the generator takes of the language: the built one or that of the sources. */
export interface Language {
  readonly defineKernel: typeof defineKernel;
  readonly defineRoutine: typeof defineRoutine;
}

/** Bytes of each region: one that is read and written, one that is written too, and scratch memory. */
export const regionBytes = 1024;
/** Bytes in front of a region and behind it that a kernel must not touch. */
export const gapBytes = 64;
/** What the heap has: a gap, the regions, each with a gap behind it; scratch memory lies in the third. */
export const heapBytes = 4 * gapBytes + 3 * regionBytes;
const firstRegion = gapBytes;
const secondRegion = firstRegion + regionBytes + gapBytes;
/** Where scratch memory begins. */
export const scratchStart = secondRegion + regionBytes + gapBytes;

type Draw = (limit: number) => number;

/** A seeded generator of whole numbers below a limit (mulberry32). */
export function draws(seed: number): Draw {
  let state = seed | 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

const hardNumbers = [
  ...[0, -0, 1, -1, 0.5, 1.5, 2.5, -3.5, 1e-45, -1e-40, 1.17549435e-38, 3.4028235e38, -3.4028235e38],
  ...[
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    16777216,
    0.1,
    1 / 3,
    1e-20,
    1e20,
    123456.7,
  ],
];

/** Numbers of all kinds: floats, hard ones, small integers, any bits. */
export function fillHeap(heap: ArrayBufferLike, seed: number): void {
  const draw = draws(seed);
  const [floats, ints] = [new Float32Array(heap), new Int32Array(heap)];
  for (let i = 0; i < floats.length; i++) {
    const kind = draw(8);
    if (kind < 4) floats[i] = (draw(2 ** 24) / 2 ** 23 - 1) * 2 ** (draw(9) - 4);
    else if (kind < 6) floats[i] = hardNumbers[draw(hardNumbers.length)]!;
    else ints[i] = kind === 6 ? draw(100) - 20 : draw(2 ** 32);
  }
}

/** A kernel with its arguments. */
export interface RandomKernel {
  readonly definition: Definition;
  readonly args: readonly number[];
}

/** An integer and what it may be. For an address, that is from its region's beginning. */
interface Int {
  readonly value: Value | Variable;
  readonly low: number;
  readonly high: number;
}

interface Pointer extends Int {
  readonly type: "ptr" | "near";
}

interface Numbers {
  readonly value: Value | Variable;
  /** Whether lanes may be NaN that was computed. */
  readonly mayBeNaN: boolean;
}

/** What a block can see. Inner blocks see a copy, so that nothing leaves the block in which it was made. */
interface Scope {
  readonly ints: Int[];
  readonly pointers: Pointer[];
  readonly lanes: Numbers[];
  readonly wides: Numbers[];
  readonly masks: Value[];
  readonly tails: (Value | Variable)[];
}

const limit = 2 ** 20;
const copyOf = (scope: Scope): Scope => ({
  ints: [...scope.ints],
  pointers: [...scope.pointers],
  lanes: [...scope.lanes],
  wides: [...scope.wides],
  masks: [...scope.masks],
  tails: [...scope.tails],
});

interface RandomRoutine {
  readonly routine: Routine;
  readonly takes: readonly ("i32" | "ptr" | "near" | "v" | "d")[];
}

/** What an argument of a routine may be: small counts, and addresses in the first quarter of a region. */
const argumentLimits = { i32: 20, ptr: regionBytes / 4, near: regionBytes / 4 };

class Generator {
  readonly #k: Recorder;
  readonly #draw: Draw;
  readonly #routines: readonly RandomRoutine[];
  #scope: Scope;
  #left: number;
  #depth = 0;
  /** Loops around the current place, so that few operations run. */
  #loops = 0;

  constructor(k: Recorder, draw: Draw, scope: Scope, size: number, routines: readonly RandomRoutine[]) {
    this.#k = k;
    this.#draw = draw;
    this.#scope = scope;
    this.#left = size;
    this.#routines = routines;
  }

  // Choosing

  #one<T>(list: readonly T[]): T {
    return list[this.#draw(list.length)]!;
  }

  /** Mostly one of the last few, so that values are used soon. */
  #recent<T>(list: readonly T[]): T {
    return this.#draw(3) > 0 ? this.#one(list.slice(-4)) : this.#one(list);
  }

  #int(): Int {
    if (this.#draw(4) === 0) {
      const number = this.#draw(50) - 10;
      return { value: this.#k.int(number), low: number, high: number };
    }
    return this.#recent(this.#scope.ints);
  }

  /** An integer within bounds: one that is, or one that is clamped. */
  #intFrom(low: number, high: number): Int {
    const fits = this.#scope.ints.filter((int) => int.low >= low && int.high <= high);
    if (fits.length > 0 && this.#draw(3) > 0) return this.#recent(fits);
    if (this.#draw(2) === 0) {
      const number = low + this.#draw(high - low + 1);
      return { value: this.#k.int(number), low: number, high: number };
    }
    const k = this.#k;
    return { value: k.max(k.min(k.read(this.#int().value), high), low), low, high };
  }

  #lanes(): Numbers {
    if (this.#draw(5) === 0) {
      const number = this.#one(hardNumbers);
      return { value: this.#k.k(number), mayBeNaN: false };
    }
    return this.#recent(this.#scope.lanes);
  }

  /** Lanes whose bits are the same on all machines. */
  #bits(): Value {
    const { value, mayBeNaN } = this.#lanes();
    const k = this.#k;
    const x = k.read(value);
    return mayBeNaN ? k.select(k.eq(x, x), x, k.k(1.5)) : x;
  }

  #wide(): Numbers {
    if (this.#draw(5) === 0) return { value: this.#k.kWide(this.#one(hardNumbers)), mayBeNaN: false };
    return this.#recent(this.#scope.wides);
  }

  /** One that is no constant: what a machine makes of those, a kernel would write down. */
  #made(type: "lanes" | "wides"): Value {
    const { value } = this.#recent(this.#scope[type]);
    if ("variable" in value || value.making.by !== "constant") return this.#k.read(value);
    return this.#k.read(this.#k.variable(type === "lanes" ? "v" : "d", value));
  }

  #wideBits(): Value {
    const { value, mayBeNaN } = this.#wide();
    const k = this.#k;
    return mayBeNaN ? k.do("d.pmax", k.kWide(-1e300), value) : k.read(value);
  }

  #mask(): Value {
    const { masks } = this.#scope;
    return masks.length > 0 && this.#draw(3) > 0 ? this.#recent(masks) : this.#compare();
  }

  /** A place for so many bytes. */
  #place(bytes: number): { place: PlaceOperand; offset: number } {
    const k = this.#k;
    const base = this.#recent(this.#scope.pointers);
    // Offsets may be below the base, where that begins behind the region's start.
    const room = regionBytes - bytes - base.high;
    const from = -Math.min(base.low, this.#draw(3) === 0 ? 64 : 0);
    const width = Math.max(0, Math.min(room, 200) - from);
    const step = this.#draw(8) === 0 ? 1 : 4;
    const offset = from + step * this.#draw(Math.floor(width / step) + 1);
    const scale = this.#one([1, 2, 4, 8] as const);
    const left = Math.floor((room - offset) / scale);
    if (left < 1 || this.#draw(2) === 0)
      return this.#draw(2) === 0
        ? { place: base.value, offset }
        : { place: k.at(base.value, offset), offset: 0 };
    const index = this.#intFrom(0, Math.min(left, 40));
    const type = base.type === "ptr" ? "to.ptr" : "to.near";
    return { place: k.at(base.value, offset, k.do(type, index.value), scale), offset: 0 };
  }

  // Adding to the scope

  #addInt(value: Value, low: number, high: number): void {
    this.#scope.ints.push({ value, low, high });
  }

  #addLanes(value: Value | Variable, mayBeNaN = true): void {
    this.#scope.lanes.push({ value, mayBeNaN });
  }

  #block(body: () => void): void {
    const outer = this.#scope;
    this.#scope = copyOf(outer);
    this.#depth++;
    body();
    this.#depth--;
    this.#scope = outer;
  }

  // Steps

  /** A run of steps. */
  steps(most: number): void {
    const kinds = [
      ...[this.#intStep, this.#lanesStep, this.#lanesStep, this.#lanesStep, this.#bitsStep, this.#wideStep],
      ...[
        this.#maskStep,
        this.#load,
        this.#load,
        this.#store,
        this.#store,
        this.#variable,
        this.#setVariable,
      ],
      ...[this.#pointer, this.#tail, this.#fold, this.#control, this.#transpose, this.#call, this.#convert],
    ];
    for (let i = 0; i < most && this.#left > 0; i++) {
      this.#left--;
      this.#one(kinds).call(this);
    }
  }

  #intStep() {
    const k = this.#k;
    const [a, b] = [this.#int(), this.#int()];
    const [x, y] = [a.value, b.value];
    const add = (value: Value, low: number, high: number) => {
      if (low >= -limit && high <= limit) this.#addInt(value, low, high);
    };
    const products = [a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high];
    const above = 2 ** Math.ceil(Math.log2(Math.max(a.high, b.high, 1) + 1)) - 1;
    switch (this.#draw(9)) {
      case 0:
        return add(k.add(x, y), a.low + b.low, a.high + b.high);
      case 1:
        return add(k.sub(x, y), a.low - b.high, a.high - b.low);
      case 2:
        return add(k.mul(x, y), Math.min(...products), Math.max(...products));
      case 3:
        if (a.low < 0) return;
        return add(k.div(x, 1 + this.#draw(9)), 0, a.high);
      case 4: {
        const mask = this.#draw(64);
        return add(k.and(x, mask), 0, mask);
      }
      case 5:
        if (a.low < 0 || b.low < 0) return;
        return add(this.#draw(2) ? k.or(x, y) : k.xor(x, y), 0, above);
      case 6: {
        if (a.low < 0) return;
        const by = 1 + this.#draw(4);
        return this.#draw(2) ? add(k.shl(x, by), 0, a.high * 2 ** by) : add(k.shr(x, by), 0, a.high);
      }
      case 7:
        return add(this.#flag(x, y), 0, 1);
      default: {
        const picked = k.do("to.i32", k.select(this.#flag(x, y), x, y));
        return add(picked, Math.min(a.low, b.low), Math.max(a.high, b.high));
      }
    }
  }

  #flag(x: Value | Variable, y: Value | Variable): Value {
    const k = this.#k;
    const kind = this.#draw(8);
    if (kind === 6) return k.do(this.#draw(2) ? "mask.any" : "mask.all", this.#mask());
    const compares = ["int.lt", "int.le", "int.gt", "int.ge", "int.eq", "int.ne"] as const;
    return k.do(compares[kind % 6]!, x, y);
  }

  #lanesStep() {
    const k = this.#k;
    const [a, b, c] = [this.#lanes(), this.#lanes(), this.#lanes()];
    const twoNumbers = ["v.add", "v.sub", "v.mul", "v.div", "v.min", "v.max"] as const;
    switch (this.#draw(6)) {
      case 0:
      case 1:
        return this.#addLanes(k.do(this.#one(twoNumbers), a.value, b.value));
      case 2:
        return this.#addLanes(k.madd(a.value, b.value, c.value));
      case 3:
        return this.#addLanes(k.do(this.#one(["v.sqrt", "v.nearest", "v.floor", "v.trunc"]), a.value));
      case 4:
        return this.#addLanes(
          k.do(
            this.#one(["v.pmin", "v.pmax", "v.evens", "v.odds", "v.zipLow", "v.zipHigh"]),
            ...[a.value, b.value],
          ),
          a.mayBeNaN || b.mayBeNaN,
        );
      default: {
        const mask = this.#mask();
        if (this.#draw(3) === 0)
          return this.#addLanes(k.do(this.#one(["v.keep", "v.drop"]), a.value, mask), a.mayBeNaN);
        const either = a.mayBeNaN || b.mayBeNaN || c.mayBeNaN;
        if (this.#draw(3) > 0)
          return this.#addLanes(k.select(mask, k.read(a.value), k.read(b.value)), either);
        const rarely = () => k.add(b.value, c.value);
        return this.#addLanes(k.mostly(mask, k.read(a.value), rarely));
      }
    }
  }

  #bitsStep() {
    const k = this.#k;
    const [a, b] = [this.#bits(), this.#bits()];
    const by = this.#draw(32);
    const add = (value: Value) => this.#addLanes(value, false);
    switch (this.#draw(4)) {
      case 0:
        return add(k.do(this.#one(["v.and", "v.or", "v.xor", "v.andNot"]), a, b));
      case 1:
        return add(k.do(this.#one(["v.addI", "v.subI", "v.mulI", "v.maxI", "v.mulHighU"]), a, b));
      case 2:
        return add([() => k.shl(a, by), () => k.shr(a, by), () => k.sar(a, by)][this.#draw(3)]!());
      default:
        return add(this.#draw(3) > 0 ? k.do("v.toFloat", a) : k.do("v.addI", a, k.do("v.index")));
    }
  }

  #wideStep(): void {
    const k = this.#k;
    const [a, b] = [this.#wide(), this.#wide()];
    const add = (value: Value, mayBeNaN: boolean) => this.#scope.wides.push({ value, mayBeNaN });
    const by = this.#draw(64);
    switch (this.#draw(6)) {
      case 0:
      case 1:
        add(k.do(this.#one(["d.add", "d.sub", "d.mul", "d.div"]), a.value, b.value), true);
        return;
      case 2:
        add(k.do(this.#one(["d.sqrt", "d.nearest"]), a.value), true);
        return;
      case 3:
        add(k.do(this.#one(["d.pmin", "d.pmax"]), a.value, b.value), a.mayBeNaN || b.mayBeNaN);
        return;
      case 4:
        add(
          k.do(this.#one(["d.and", "d.xor", "d.addI", "d.subI"]), this.#wideBits(), this.#wideBits()),
          false,
        );
        return;
      default:
        add(this.#draw(2) ? k.shl(this.#wideBits(), by) : k.shr(this.#wideBits(), by), false);
    }
  }

  /** From one type to another. */
  #convert() {
    const k = this.#k;
    const { wides } = this.#scope;
    switch (this.#draw(7)) {
      case 0:
      case 1:
        wides.push({ value: k.do(this.#one(["d.low", "d.high"]), this.#made("lanes")), mayBeNaN: true });
        return;
      case 2:
        return this.#addLanes(k.do("v.narrow", this.#wide().value, this.#wide().value));
      case 3:
        return this.#addLanes(k.do("v.round", this.#made("wides")));
      case 4:
        wides.push({ value: k.do("d.splat", this.#made("lanes")), mayBeNaN: true });
        return;
      case 5:
        if (this.#draw(2)) this.#addLanes(k.do("v.splatI", this.#int().value), false);
        else wides.push({ value: k.do("d.splatI", this.#int().value), mayBeNaN: false });
        return;
      default: {
        // Numbers that an int32 can hold.
        const bounded = k.do("v.pmin", k.do("v.pmax", k.k(-1e6), this.#lanes().value), k.k(1e6));
        return this.#addLanes(k.do("v.toInt", bounded), false);
      }
    }
  }

  #compare(): Value {
    const k = this.#k;
    if (this.#draw(3) === 0) return k.do(this.#one(["v.ltI", "v.eqI"]), this.#bits(), this.#bits());
    const compares = ["v.lt", "v.le", "v.gt", "v.ge", "v.eq", "v.ne"] as const;
    return k.do(this.#one(compares), this.#lanes().value, this.#lanes().value);
  }

  #maskStep(): void {
    const k = this.#k;
    const { masks, tails } = this.#scope;
    const kind = this.#draw(4);
    if (kind === 0) masks.push(k.do(this.#one(["mask.and", "mask.or"]), this.#mask(), this.#mask()));
    else if (kind === 1) masks.push(k.do("mask.not", this.#mask()));
    else if (kind === 2 && tails.length > 0) masks.push(k.do("mask.tail", this.#one(tails)));
    else masks.push(this.#compare());
  }

  #tail(): void {
    const k = this.#k;
    const isSome = this.#draw(3) === 0;
    const tail = isSome
      ? k.do("tail.some", this.#intFrom(1, k.lanes - 1).value)
      : k.do("tail.first", this.#intFrom(0, k.lanes + 2).value);
    this.#scope.tails.push(this.#draw(3) === 0 ? k.variable("tail", tail) : tail);
  }

  #load() {
    const k = this.#k;
    const { tails } = this.#scope;
    const kind = this.#one([
      "v",
      "v",
      "splat",
      "first",
      "part",
      "i32",
      "u8",
      "d",
      "splatWide",
      "bytes",
    ] as const);
    const bytes = {
      v: 4 * k.lanes,
      part: 4 * k.lanes,
      d: 4 * k.lanes,
      splat: 4,
      first: 4,
      i32: 4,
      u8: 1,
      bytes: k.lanes,
      splatWide: 8,
    };
    const { place, offset } = this.#place(bytes[kind]);
    switch (kind) {
      case "v":
        return this.#addLanes(k.load(place, offset), false);
      case "splat":
        return this.#addLanes(k.splat(place, offset), false);
      case "bytes":
        return this.#addLanes(k.loadBytes(place, offset), false);
      case "first":
        return this.#addLanes(k.loadFirst(place, offset), false);
      case "part":
        if (tails.length > 0) this.#addLanes(k.loadPart(this.#recent(tails), place, offset), false);
        return;
      case "i32":
        return this.#addInt(k.and(k.loadInt(place, offset), 31), 0, 31);
      case "u8":
        return this.#addInt(k.loadByte(place, offset), 0, 255);
      case "d":
        this.#scope.wides.push({ value: k.loadWide(place, offset), mayBeNaN: false });
        return;
      case "splatWide":
        this.#scope.wides.push({ value: k.splatWide(place, offset), mayBeNaN: false });
    }
  }

  #store(): void {
    const k = this.#k;
    const { tails } = this.#scope;
    const kind = this.#one([
      "v",
      "v",
      "v",
      "first",
      "part",
      "i32",
      "u8",
      "d",
      "firstWide",
      "prefetch",
      ...(k.target.clears ? (["clear"] as const) : []),
    ] as const);
    const bytes = {
      v: 4 * k.lanes,
      part: 4 * k.lanes,
      d: 4 * k.lanes,
      first: 4,
      i32: 4,
      u8: 1,
      firstWide: 8,
      prefetch: 4,
      clear: 40,
    };
    if (kind === "part" && tails.length === 0) return;
    const lanes = kind === "v" || kind === "first" || kind === "part" ? this.#bits() : undefined;
    const wide = kind === "d" || kind === "firstWide" ? this.#wideBits() : undefined;
    const int = kind === "i32" || kind === "u8" ? this.#int().value : undefined;
    const { place, offset } = this.#place(bytes[kind]);
    if (kind === "v") k.store(place, lanes!, offset);
    else if (kind === "first") k.storeFirst(place, lanes!, offset);
    else if (kind === "part") k.storePart(this.#recent(tails), place, lanes!, offset);
    else if (kind === "d") k.storeWide(place, wide!, offset);
    else if (kind === "firstWide") k.storeFirstWide(place, wide!, offset);
    else if (kind === "i32") k.storeInt(place, int!, offset);
    else if (kind === "u8") k.storeByte(place, int!, offset);
    else if (kind === "clear") k.clear(place, this.#draw(41), offset);
    else k.prefetch(place, offset);
  }

  #variable(): void {
    const k = this.#k;
    const kind = this.#draw(3);
    if (kind === 0) {
      const int = this.#int();
      this.#scope.ints.push({ ...int, value: k.variable("i32", int.value) });
    } else if (kind === 1) {
      this.#scope.wides.push({ value: k.variable("d", this.#wide().value), mayBeNaN: true });
    } else this.#addLanes(k.variable("v", this.#lanes().value));
  }

  /** Sets a variable to what its range allows: then all that was known of it stays true. */
  #setVariable(): void {
    const k = this.#k;
    const variables = <T extends { value: Value | Variable }>(list: readonly T[]) =>
      list.filter(({ value }) => "variable" in value && !value.parameter) as (T & { value: Variable })[];
    const kind = this.#draw(3);
    if (kind === 0) {
      const list = variables(this.#scope.ints);
      if (list.length === 0) return;
      const { value, low, high } = this.#one(list);
      if (!this.#counters.has(value)) k.set(value, this.#intFrom(low, high).value);
      return;
    }
    const list = variables(kind === 1 ? this.#scope.wides : this.#scope.lanes);
    if (list.length > 0) k.set(this.#one(list).value, (kind === 1 ? this.#wide() : this.#lanes()).value);
  }

  readonly #counters = new Set<Variable>();

  #pointer(): void {
    const k = this.#k;
    const { type, value, low, high } = this.#recent(this.#scope.pointers);
    const by = this.#intFrom(0, 40);
    if (high + by.high > regionBytes / 2) return;
    const moved = k.add(value, k.do(type === "ptr" ? "to.ptr" : "to.near", by.value));
    const own = this.#draw(2) === 0 ? k.variable(type, moved) : moved;
    this.#scope.pointers.push({ type, value: own, low: low + by.low, high: high + by.high });
  }

  #fold(): void {
    const k = this.#k;
    if (this.#draw(3) > 0) return;
    const fold = this.#one(["add", "mul", "pmin", "pmax", "min", "max", "addWide", "addUp"] as const);
    if (fold === "addWide") {
      const parts = Array.from({ length: 32 / k.lanes }, () => this.#wide().value);
      this.#scope.wides.push({ value: k.fold(fold, parts), mayBeNaN: true });
      return;
    }
    const parts = Array.from({ length: 16 / k.lanes }, () => this.#lanes().value);
    const folded = k.fold(fold, parts);
    if (fold === "addUp") this.#scope.wides.push({ value: folded, mayBeNaN: true });
    else this.#addLanes(folded);
  }

  #transpose(): void {
    const k = this.#k;
    if (this.#draw(4) > 0) return;
    const variables = Array.from({ length: k.lanes }, () => k.variable("v", this.#lanes().value));
    k.transpose(variables);
    for (const variable of variables) this.#addLanes(variable);
  }

  #control(): void {
    const k = this.#k;
    if (this.#depth > 3) return;
    const steps = () => this.#block(() => this.steps(1 + this.#draw(6)));
    if (this.#draw(2) === 0) {
      const flag = this.#flag(this.#int().value, this.#int().value);
      if (this.#draw(2) === 0) k.if(flag, steps);
      else k.if(flag, steps, steps);
      return;
    }
    if (this.#loops > 1) return;
    this.#loops++;
    const rounds = this.#intFrom(0, 4);
    const counter = k.variable("i32", rounds.value);
    this.#counters.add(counter);
    const moving = this.#draw(2) === 0 ? this.#movingPointer() : undefined;
    const body = () =>
      this.#block(() => {
        // A loop runs once at least, with whatever is left.
        this.#scope.ints.push({ value: counter, low: -1, high: 5 });
        if (moving) this.#scope.pointers.push(moving);
        this.steps(1 + this.#draw(6));
        if (moving) k.increase(moving.value, moving.step);
        k.increase(counter, -1);
      });
    if (this.#draw(2) === 0)
      k.loop(() => {
        body();
        return k.gt(counter, 0);
      });
    else k.while(() => k.gt(counter, 0), body);
    this.#loops--;
  }

  /** A pointer that a loop of up to four rounds moves. */
  #movingPointer(): (Pointer & { value: Variable; step: number }) | undefined {
    const start = this.#recent(this.#scope.pointers);
    const step = 4 * this.#draw(9);
    if (start.high + 4 * step > regionBytes / 2) return undefined;
    const value = this.#k.variable(start.type, start.value);
    return { type: start.type, value, low: start.low, high: start.high + 4 * step, step };
  }

  /** One number in every lane, as parameters of routines are. */
  #same(type: "v" | "d"): Value {
    const { place, offset } = this.#place(type === "v" ? 4 : 8);
    return type === "v" ? this.#k.splat(place, offset) : this.#k.splatWide(place, offset);
  }

  #call(): void {
    if (this.#routines.length === 0 || this.#loops > 1) return;
    const { routine, takes } = this.#one(this.#routines);
    const k = this.#k;
    const args = takes.map((type): Value | Variable => {
      if (type === "v" || type === "d") return this.#same(type);
      if (type === "i32") return this.#intFrom(0, argumentLimits.i32).value;
      const fits = this.#scope.pointers.filter((p) => p.type === type && p.high <= argumentLimits[type]);
      return this.#one(fits).value;
    });
    k.call(routine, ...args);
  }
}

function randomRoutine({ defineRoutine: define }: Language, target: Target, seed: number): RandomRoutine {
  const draw = draws(seed);
  const more = Array.from({ length: draw(6) }, () => (["i32", "v", "d", "ptr", "near"] as const)[draw(5)]!);
  const takes = ["ptr", "near", ...more] as const;
  const routine = define(`routine ${seed}`, takes, target, (k, ...parameters) => {
    const scope: Scope = { ints: [], pointers: [], lanes: [], wides: [], masks: [], tails: [] };
    scope.ints.push({ value: k.int(3), low: 3, high: 3 });
    scope.lanes.push({ value: k.k(0.75), mayBeNaN: false });
    scope.wides.push({ value: k.kWide(1.25), mayBeNaN: false });
    for (const parameter of parameters) {
      const { type } = parameter;
      if (type === "i32") scope.ints.push({ value: parameter, low: 0, high: argumentLimits.i32 });
      else if (type === "ptr" || type === "near")
        scope.pointers.push({ type, value: parameter, low: 0, high: argumentLimits[type] });
      else (type === "v" ? scope.lanes : scope.wides).push({ value: parameter, mayBeNaN: false });
    }
    new Generator(k, draw, scope, 25, []).steps(25);
  });
  return { routine, takes };
}

/** The kernel of a seed. Every operation of the language occurs in some. */
export function randomKernel(language: Language, seed: number): RandomKernel {
  const draw = draws(seed);
  const size = 10 + draw(60);
  const definition = language.defineKernel(
    `random${seed}`,
    ["i32", "ptr", "ptr", "f32", "f64"],
    (k, n, first, second, number, wide) => {
      const routines = Array.from({ length: seed % 3 }, (_, i) =>
        randomRoutine(language, k.target, 7 * seed + i),
      );
      const scope: Scope = {
        ints: [{ value: n, low: 0, high: 40 }],
        pointers: [
          { type: "near", value: k.scratch(), low: 0, high: 0 },
          { type: "ptr", value: first, low: 0, high: 0 },
          { type: "ptr", value: second, low: 0, high: 0 },
        ],
        lanes: [{ value: number, mayBeNaN: false }],
        wides: [{ value: wide, mayBeNaN: false }],
        masks: [],
        tails: [],
      };
      const generator = new Generator(k, draws(seed + 1), scope, size, routines);
      generator.steps(size);
      if (seed % 2 === 0) k.return(scope.ints.at(-1)!.value);
    },
    () => regionBytes,
  );
  return { definition, args: [draw(41), firstRegion, secondRegion, draw(100) / 8 - 5, draw(1000) / 7 - 60] };
}

/** The names of all operations that a routine and those that it calls consist of. */
export function operationsIn({ body }: Routine, found = new Set<Operation>()): Set<Operation> {
  const look = (statements: Routine["body"]): void => {
    for (const statement of statements) {
      if (statement.is === "value" && statement.value.making.by === "operation")
        found.add(statement.value.making.operation);
      if (statement.is === "call") operationsIn(statement.routine, found);
      if (statement.is === "loop") look(statement.body);
      if (statement.is !== "if") continue;
      look(statement.yes);
      look(statement.no);
    }
  };
  look(body);
  return found;
}
