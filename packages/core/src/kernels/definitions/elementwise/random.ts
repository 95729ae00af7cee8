// Random masks from a Philox 4x32-10 stream (see src/random.ts): a block of four numbers in each lane.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { copyOf } from "../loops/row-loops.ts";

const rounds = 10;
const multipliers = [0xd2511f53, 0xcd9e8d57] as const;
const keySteps = [0x9e3779b9, 0xbb67ae85] as const;

/** Whether lanes, as unsigned numbers, are below others. */
function isBelow(k: Recorder, a: Value, b: Value): Value {
  const flipped = (x: Value) => k.xor(x, k.kBits(0x80000000));
  return k.do("v.ltI", flipped(a), flipped(b));
}

/** 1 in the lanes whose word, without its lowest 8 bits, is at least `threshold`. */
function atLeast(k: Recorder, word: Value, threshold: Value | Variable): Value {
  return k.do("v.drop", k.kBits(1), k.do("v.ltI", k.shr(word, 8), threshold));
}

/** The words that select the stream, and the block of the first lane. */
interface Stream {
  readonly cells: Variable;
  readonly low: Variable;
  readonly high: Variable;
  readonly threshold: Variable;
}

/** Four bytes of mask in each lane; lane b belongs to the b-th block. */
function maskOfBlocks(k: Recorder, { cells, low, high, threshold }: Stream): Value {
  const word = (place: number) => k.splat(cells, 4 * place);
  const first = k.do("v.addI", low, k.do("v.index"));
  const [m0, m1] = multipliers.map((multiplier) => k.kBits(multiplier)) as [Value, Value];
  const x0 = k.variable("v", first);
  // A lane whose low word overflowed carries one to the high word.
  const carry = k.do("v.keep", k.kBits(1), isBelow(k, first, k.read(low)));
  const x1 = k.variable("v", k.do("v.addI", k.do("v.addI", high, k.shl(word(2), 19)), carry));
  const [x2, x3] = [k.variable("v", word(3)), k.variable("v", word(4))];
  const keys = [k.variable("v", word(0)), k.variable("v", word(1))] as const;
  const left = k.variable("i32", rounds);
  k.loop(() => {
    const [high0, high1] = [k.do("v.mulHighU", m0, x0), k.do("v.mulHighU", m1, x2)];
    const [low0, low1] = [k.do("v.mulI", m0, x0), k.do("v.mulI", m1, x2)];
    const next = [k.xor(k.xor(high1, x1), keys[0]), low1, k.xor(k.xor(high0, x3), keys[1]), low0];
    for (const [i, x] of [x0, x1, x2, x3].entries()) k.set(x, next[i]!);
    for (const [i, key] of keys.entries()) k.set(key, k.do("v.addI", key, k.kBits(keySteps[i]!)));
    k.increase(left, -1);
    return k.gt(left, 0);
  });
  return [x0, x1, x2, x3]
    .map((x, i) => k.shl(atLeast(k, k.read(x), threshold), 8 * i))
    .reduce((mask, byte) => k.or(mask, byte));
}

/** Moves the stream on by the blocks of a vector. */
function advance(k: Recorder, { low, high }: Stream): void {
  const before = k.read(low);
  const next = k.do("v.addI", before, k.kBits(k.lanes));
  const carry = k.do("v.keep", k.kBits(1), isBelow(k, next, before));
  k.set(low, next);
  k.set(high, k.do("v.addI", high, carry));
}

/** 2^52: the last 52 bits of a float64 above it are an integer. */
const wholeNumbers = 2 ** 52;

function dropoutMask(
  k: Recorder,
  n: Variable,
  least: Variable,
  cells: Variable,
  position: Variable,
  mask: Variable,
): void {
  const words = k.variable("near", k.scratch());
  k.storeFirstWide(words, k.add(k.mul(position, 0.25), wholeNumbers));
  const [added, cell] = [k.splat(words), k.splat(cells, 20)];
  const low = k.do("v.addI", cell, added);
  const carry = k.do("v.keep", k.kBits(1), isBelow(k, low, cell));
  const addedHigh = k.and(k.splat(words, 4), k.kBits(0xfffff));
  const high = k.do("v.addI", k.do("v.addI", k.splat(cells, 24), addedHigh), carry);
  const stream: Stream = {
    cells,
    low: k.variable("v", low),
    high: k.variable("v", high),
    threshold: k.variable("v", k.do("v.splatI", least)),
  };
  const to = copyOf(k, mask);
  const bytes = 4 * k.lanes;
  const left = k.variable("i32", n);
  k.while(
    () => k.ge(left, bytes),
    () => {
      k.store(to, maskOfBlocks(k, stream));
      advance(k, stream);
      k.increase(to, bytes);
      k.increase(left, -bytes);
    },
  );
  k.if(k.gt(left, 0), () => {
    k.store(words, maskOfBlocks(k, stream));
    const from = k.variable("near", words);
    k.loop(() => {
      k.storeByte(to, k.loadByte(from));
      k.increase(to, 1);
      k.increase(from, 1);
      k.increase(left, -1);
      return k.gt(left, 0);
    });
  });
}

function dropout(k: Recorder, n: Variable, scale: Variable, x: Variable, mask: Variable, y: Variable): void {
  const kept = (v: Value, byte: Value) => k.do("v.drop", k.mul(v, scale), k.do("v.eqI", byte, 0));
  const left = k.variable("i32", n);
  k.while(
    () => k.ge(left, k.lanes),
    () => {
      k.store(y, kept(k.load(x), k.loadBytes(mask)));
      for (const array of [x, y]) k.increase(array, 4 * k.lanes);
      k.increase(mask, k.lanes);
      k.increase(left, -k.lanes);
    },
  );
  k.while(
    () => k.gt(left, 0),
    () => {
      k.storeFirst(y, kept(k.loadFirst(x), k.do("v.splatI", k.loadByte(mask))));
      for (const array of [x, y]) k.increase(array, 4);
      k.increase(mask, 1);
      k.increase(left, -1);
    },
  );
}

export const random: readonly Definition[] = [
  defineKernel("dropoutMask", ["i32", "i32", "ptr", "f64", "ptr"], dropoutMask, () => 64),
  defineKernel("dropout", ["i32", "f32", "ptr", "ptr", "ptr"], dropout),
];
