// What a direct convolution (convolution.ts) sums, and the layout of its workspace.
//
// The work is done on a padded copy of as many samples as there are lanes, [channels][rows][cols] of vectors, one sample
// per lane. A *tap* is the position of one weight (channel, row, column) as a byte offset into that copy. A *pixel* is a
// position of the result, as another offset. The sum of the two is the input element that both use. Taps are ordered by
// row, column, channel.
import type { Operand } from "../../language/notes.ts";
import type { Recorder } from "../../language/recorder.ts";
import { foldLanes } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";

/** How many pixels are computed for all channels before the next ones: their inputs stay in the caches. Whole tiles. */
export const pixelBlock = 48;
/** Pixels of a tile that is computed for one pixel alone, and entries of the tables behind their ends. */
export const spare = 8;
/** How many pixels of the gradient are packed at a time. Each sum of the weight's gradient is a chain over so many. */
export const gradientBlock = 128;
/** How many taps are computed before their sums are folded. Whole tiles, and whole vectors of sums. */
export const tapBlock = 48;
/** Channels of the result that are computed together, at most. */
export const channelBlock = 4;
/** Bytes of a pixel record: offset in the copy, offset in the result, then the rows and columns of taps inside the input. */
export const pixelBytes = 32;
/** Bytes of a line of the cache. */
export const line = 64;

/** Sizes of a convolution, as in the table of kernels. */
const sizeNames = ["c", "h", "w", "o", "kh", "kw", "oh", "ow", "sh", "sw", "ph", "pw", "dh", "dw"] as const;
export type Sizes = Record<(typeof sizeNames)[number], Variable>;

export function sizesOf(given: readonly Variable[]): Sizes {
  return Object.fromEntries(sizeNames.map((name, i) => [name, given[i]!])) as Sizes;
}

/**
 * What is summed, over c, a, b:
 *   result[o, i, j] = Σ weight[o, c, a, b] · source[c, i·rowStride + a·rowStep, j·colStride + b·colStep]
 * where the source begins `top` rows and `left` columns inside the copy (or outside, if negative). `plane` is the vectors
 * of a channel of the copy.
 */
const shapeFields = [
  ...(["channels", "outputs", "tapRows", "tapCols", "tapCount", "rowStep", "colStep"] as const),
  ...(["rows", "cols", "rowStride", "colStride", "sourceRows", "sourceCols", "top", "left"] as const),
  ...(["paddedRows", "paddedCols", "plane"] as const),
];
/** Where the areas of the workspace begin, in bytes; and how many bytes a copy of samples has. */
const areaFields = ["padded", "paddedBytes", "stage", "sums", "packed", "taps", "pixels", "end"] as const;
const fields = [...shapeFields, ...areaFields, "isFinite"] as const;
type ShapeField = (typeof shapeFields)[number];
type AreaField = (typeof areaFields)[number];
type Field = (typeof fields)[number];

/** The numbers of a convolution, at the beginning of its workspace. */
export class Plan {
  readonly #k: Recorder;
  readonly #workspace: Variable;

  constructor(k: Recorder, workspace: Variable) {
    this.#k = k;
    this.#workspace = workspace;
  }

  get(field: Field): Value {
    return this.#k.loadInt(this.#workspace, 4 * fields.indexOf(field));
  }

  /** A number that is read once. */
  keep(field: Field): Variable {
    return this.#k.variable("i32", this.get(field));
  }

  set(field: Field, to: Operand): void {
    this.#k.storeInt(this.#workspace, to, 4 * fields.indexOf(field));
  }

  bytes(field: AreaField): Value {
    return this.#k.do("to.ptr", this.get(field));
  }

  /** The address of an area. */
  area(field: AreaField): Variable {
    return this.#k.variable("ptr", this.#k.add(this.#workspace, this.bytes(field)));
  }

  write(numbers: Partial<Record<Field, Operand>>): void {
    for (const [field, number] of Object.entries(numbers)) this.set(field as Field, number);
  }
}

/** So many channels are computed together. */
export type Channels = 4 | 2 | 1;

/** Runs `body` for blocks of channels, from channel `o` on: of 4 while so many are left, then 2, then 1. */
export function eachBlock(
  k: Recorder,
  outputs: Variable,
  body: (o: Variable, channels: Channels) => void,
): void {
  const o = k.variable("i32", 0);
  const step = (channels: Channels) => {
    body(o, channels);
    k.increase(o, channels);
  };
  k.while(
    () => k.lt(o, outputs),
    () => {
      const left = k.variable("i32", k.sub(outputs, o));
      k.if(
        k.ge(left, 4),
        () => step(4),
        () =>
          k.if(
            k.ge(left, 2),
            () => step(2),
            () => step(1),
          ),
      );
    },
  );
}

/** How far along a step of so many bytes. */
export const times = (k: Recorder, count: Value | Variable, bytes: Value | Variable) =>
  k.mul(k.do("to.ptr", count), bytes);

type Shape = Record<ShapeField, Value | Variable>;
type Described = Omit<Shape, "paddedRows" | "paddedCols" | "plane">;

function roundUp(k: Recorder, x: Value | Variable, to: number): Value {
  return k.mul(k.div(k.add(x, to - 1), to), to);
}

/** Completes a description by the sizes of the copy. */
function complete(k: Recorder, shape: Described): Shape {
  const { rows, cols, rowStride, colStride, rowStep, colStep, tapRows, tapCols } = shape;
  const extent = (
    count: Value | Variable,
    stride: Value | Variable,
    taps: Value | Variable,
    step: Operand,
  ) => {
    const last = k.mul(k.max(k.sub(taps, 1), 0), step);
    return k.variable("i32", k.add(k.add(k.mul(k.sub(count, 1), stride), last), 1));
  };
  const paddedRows = extent(rows, rowStride, tapRows, rowStep);
  const paddedCols = extent(cols, colStride, tapCols, colStep);
  // An odd number of cache lines: otherwise the channels of a pixel might share the same cache sets.
  const ofLine = line / (4 * k.lanes);
  const lines = k.or(k.div(k.add(k.mul(paddedRows, paddedCols), ofLine - 1), ofLine), 1);
  return { ...shape, paddedRows, paddedCols, plane: k.variable("i32", k.mul(lines, ofLine)) };
}

export function describeForward(k: Recorder, sizes: Sizes): Shape {
  const { c, h, w, o, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw } = sizes;
  return complete(k, {
    ...{ channels: c, outputs: o, tapRows: kh, tapCols: kw, tapCount: k.mul(k.mul(c, kh), kw) },
    ...{ rowStep: dh, colStep: dw, rows: oh, cols: ow, rowStride: sh, colStride: sw },
    ...{ sourceRows: h, sourceCols: w, top: ph, left: pw },
  });
}

const remainder = (k: Recorder, x: Value | Variable, by: Variable) => k.sub(x, k.mul(k.div(x, by), by));

/** One axis of the gradient of the input, at positions `first`, `first` + stride, …. */
interface InputAxis {
  /** The last tap that uses these positions, -1 if there is none, and the distance between two such taps. */
  readonly last: Variable;
  readonly tapStep: Variable;
  /** How many taps use them, and how many elements of dy lie between two. */
  readonly taps: Value;
  readonly step: Value;
  readonly count: Value;
  readonly before: Value;
}

function inputAxis(
  k: Recorder,
  first: Variable,
  length: Variable,
  size: Variable,
  stride: Variable,
  padding: Variable,
  dilation: Variable,
): InputAxis {
  const start = k.variable("i32", k.add(first, padding));
  const last = k.variable("i32", k.sub(size, 1));
  const wanted = k.variable("i32", remainder(k, start, stride));
  k.while(
    () => k.and(k.ge(last, 0), k.ne(remainder(k, k.mul(k.max(last, 0), dilation), stride), wanted)),
    () => k.increase(last, -1),
  );
  const tapStep = k.variable("i32", 1);
  k.while(
    () => k.ne(remainder(k, k.mul(tapStep, dilation), stride), 0),
    () => k.increase(tapStep, 1),
  );
  const outside = k.sub(k.mul(k.max(last, 0), dilation), start);
  return {
    ...{ last, tapStep },
    // -1 becomes 0.
    taps: k.div(k.add(last, tapStep), tapStep),
    step: k.div(k.mul(dilation, tapStep), stride),
    count: k.div(k.add(k.sub(length, first), k.sub(stride, 1)), stride),
    before: k.sub(k.div(k.max(outside, 0), stride), k.div(k.max(k.sub(0, outside), 0), stride)),
  };
}

/**
 * The gradient of the input at rows a, a + sh, … and columns b, b + sw, …: a stride-1 convolution of dy with reversed
 * taps.
 */
export function describeInput(
  k: Recorder,
  sizes: Sizes,
  a: Variable,
  b: Variable,
): { shape: Shape; rows: InputAxis; cols: InputAxis } {
  const { c, h, w, o, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw } = sizes;
  const rows = inputAxis(k, a, h, kh, sh, ph, dh);
  const cols = inputAxis(k, b, w, kw, sw, pw, dw);
  const shape = complete(k, {
    ...{ channels: o, outputs: c, tapRows: rows.taps, tapCols: cols.taps },
    tapCount: k.mul(k.mul(rows.taps, cols.taps), o),
    ...{ rowStep: rows.step, colStep: cols.step, rows: rows.count, cols: cols.count },
    ...{ rowStride: k.int(1), colStride: k.int(1), sourceRows: oh, sourceCols: ow },
    ...{ top: rows.before, left: cols.before },
  });
  return { shape, rows, cols };
}

/** The areas of the workspace, for the gradient of the weight or for results. */
export function layOut(k: Recorder, shape: Shape, of: "weight" | "result"): Record<AreaField, Value> {
  const { channels, outputs, tapCount, plane, rows, cols } = shape;
  const vector = 4 * k.lanes;
  const isWeight = of === "weight";
  let end: Value = k.int((4 * fields.length + line - 1) & -line);
  const area = (bytes: Value) => {
    const start = end;
    end = roundUp(k, k.add(start, bytes), line);
    return start;
  };
  const paddedBytes = k.mul(k.mul(channels, plane), vector);
  const [ofSums, ofPacked] = isWeight
    ? [k.mul(roundUp(k, tapCount, tapBlock), outputs), k.mul(outputs, foldLanes * gradientBlock)]
    : [k.int(0), k.mul(outputs, k.add(tapCount, 1))];
  const staged = isWeight ? tapBlock * foldLanes : (pixelBlock + spare) * k.lanes;
  return {
    paddedBytes,
    padded: area(isWeight ? k.mul(paddedBytes, foldLanes / k.lanes) : paddedBytes),
    stage: area(k.int(4 * channelBlock * staged)),
    sums: area(k.shl(ofSums, 2)),
    packed: area(k.shl(ofPacked, 2)),
    taps: area(k.shl(k.add(tapCount, spare), 2)),
    pixels: area(k.mul(k.add(k.mul(rows, cols), spare), pixelBytes)),
    end,
  };
}
