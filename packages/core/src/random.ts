// Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2,
// 3", SC 2011, https://doi.org/10.1145/2063384.2063405). A number depends only on its key (seed), stream and position,
// never on who draws it or when. Knows nothing of tensors or memory.
import { kindOf, refusePromise, requireFunction } from "./arguments.ts";
import { ValueError } from "./errors.ts";

const multiplier0 = 0xd2511f53;
const multiplier1 = 0xcd9e8d57;
const weyl0 = 0x9e3779b9;
const weyl1 = 0xbb67ae85;

/** Upper 32 bits of the 64-bit product of two 32-bit numbers. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const cross = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0;
}

/** One Philox 4x32-10 block: writes four 32-bit words to `out`, from a 128-bit counter and a 64-bit key. */
export function philox(
  out: Uint32Array,
  counter0: number,
  counter1: number,
  counter2: number,
  counter3: number,
  key0: number,
  key1: number,
): void {
  let x0 = counter0 >>> 0;
  let x1 = counter1 >>> 0;
  let x2 = counter2 >>> 0;
  let x3 = counter3 >>> 0;
  let k0 = key0 >>> 0;
  let k1 = key1 >>> 0;
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(multiplier0, x0);
    const low0 = Math.imul(multiplier0, x0);
    const high1 = multiplyHigh(multiplier1, x2);
    const low1 = Math.imul(multiplier1, x2);
    x0 = (high1 ^ x1 ^ k0) >>> 0;
    x1 = low1 >>> 0;
    x2 = (high0 ^ x3 ^ k1) >>> 0;
    x3 = low0 >>> 0;
    k0 = (k0 + weyl0) >>> 0;
    k1 = (k1 + weyl1) >>> 0;
  }
  out[0] = x0;
  out[1] = x1;
  out[2] = x2;
  out[3] = x3;
}

/** Checks a seed: a safe non-negative integer. Its low and high 32 bits are the Philox key. */
export function checkSeed(operation: string, seed: number): number {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new ValueError(`${operation}: seed ${seed}; expected an integer from 0 to 2^53 - 1`);
  }
  return seed;
}

/** Streams separate draws for different purposes under one seed. */
export const stream = {
  /** Parameter initialization, `rand` and `randn`. */
  values: 0,
  /** The order of samples within an epoch. */
  shuffle: 1,
  /** Splits of a data set. */
  split: 2,
  /** Dropout and other noise within a training step. */
  noise: 3,
  /** Directions along which gradients are estimated. */
  direction: 4,
  /** Random numbers drawn while evaluating. */
  evaluation: 5,
  /** Samples that are drawn with replacement. */
  draws: 6,
  /** Numbers drawn while a single sample is computed or augmented. */
  sample: 7,
  /** Numbers drawn by `afterStep`. */
  afterStep: 8,
} as const;

/** The most shards that a generator tells apart; their number shares a word with the high bits of the position. */
export const maximumShards = 8192;

/** How to restore what was drawn from since `rememberDraws` began to watch; null while nobody watches. */
let watched: Map<Generator, () => void> | null = null;

/** While `drawnUnkeyed` watches: generators that were created or positioned since, and those drawn from that were not. */
let unkeyed: { placed: Set<Generator>; found: Set<Generator> } | null = null;

/** Called before a generator is created or repositioned; null for nobody. */
let guard: ((operation: string) => void) | null = null;

/** Runs `body`; `before` may throw to keep it from choosing its random numbers. */
export function guardGenerators<T>(before: ((operation: string) => void) | null, body: () => T): T {
  const outer = guard;
  guard = before;
  try {
    return body();
  } finally {
    guard = outer;
  }
}

/**
 * A position in one Philox stream. `take(n)` hands out the next n positions: the caller draws the numbers there.
 * This object is all the state there is: who sets `position` back draws the same numbers again.
 *
 * The four counter words of position p, which belongs to block b = ⌊p/4⌋, are: b mod 2³²; ⌊b/2³²⌋ + 2¹⁹ shard;
 * step; stream.
 */
export class Generator {
  readonly seed: number;
  readonly stream: number;
  position = 0;
  #step = 0;
  #shard = 0;

  constructor(seed: number, streamNumber: number = stream.values) {
    guard?.("new Generator()");
    unkeyed?.placed.add(this);
    this.seed = checkSeed("Generator", seed);
    this.stream = streamNumber;
  }

  /** The training step of its numbers; see `restart`. */
  get step(): number {
    return this.#step;
  }

  /** The shard of its numbers; see `restart`. */
  get shard(): number {
    return this.#shard;
  }

  /** Reserves `count` positions and returns the first. Rounds up to whole blocks of four. */
  take(count: number): number {
    if (watched && !watched.has(this)) watched.set(this, this.mark());
    if (unkeyed && !unkeyed.placed.has(this)) unkeyed.found.add(this);
    const start = this.position;
    this.position += Math.ceil(count / 4) * 4;
    return start;
  }

  /** A function that restores its current position. */
  mark(): () => void {
    const { position } = this;
    const step = this.#step;
    const shard = this.#shard;
    return () => {
      this.position = position;
      this.#step = step;
      this.#shard = shard;
    };
  }

  /**
   * Goes to position 0 of one training step and shard. Draws from there depend only on (seed, step, shard, position).
   *
   * @throws ValueError if `step` is not below 2^32, or `shard` not below 8192
   */
  restart(step: number, shard = 0): this {
    const fits = (value: number, limit: number) => Number.isInteger(value) && value >= 0 && value < limit;
    if (!fits(step, 2 ** 32) || !fits(shard, maximumShards)) {
      throw new ValueError(
        `Generator: step ${step} and shard ${shard}; expected integers from 0 to 2^32 - 1 and to ${maximumShards - 1}`,
      );
    }
    guard?.("restart()");
    if (watched && !watched.has(this)) watched.set(this, this.mark());
    unkeyed?.placed.add(this);
    this.#step = step;
    this.#shard = shard;
    this.position = 0;
    return this;
  }
}

let current = new Generator(0);

/** The generator of this thread for `rand`, `randn`, `dropout` and initial parameters. */
export function currentGenerator(): Generator {
  return current;
}

/** Restarts this thread's random stream, which `rand`, `randn`, `dropout` and parameter initialization draw from. */
export function manualSeed(seed: number): void {
  guard?.("manualSeed()");
  current = new Generator(checkSeed("manualSeed", seed));
}

/**
 * Runs `body` and remembers what it draws from, with the positions. `replay(again)` restores these, so that `again`
 * draws the same numbers, and then returns to the positions before the replay.
 */
export function rememberDraws<T>(body: () => T): { result: T; replay: <U>(again: () => U) => U } {
  const outer = watched;
  const first = current;
  const starts = new Map<Generator, () => void>();
  const replay = <U>(again: () => U): U => {
    const now = { watched, current };
    const ends = Array.from(starts.keys(), (generator) => generator.mark());
    watched = null;
    current = first;
    for (const goToStart of starts.values()) goToStart();
    try {
      return again();
    } finally {
      for (const goToEnd of ends) goToEnd();
      ({ watched, current } = now);
    }
  };
  watched = starts;
  try {
    return { result: body(), replay };
  } finally {
    // An outer watcher has seen these draws, too.
    for (const [generator, goToStart] of starts) if (!outer?.has(generator)) outer?.set(generator, goToStart);
    watched = outer;
  }
}

/**
 * Runs `body`, and finds the generators, other than `own`, that it draws from without having created or positioned
 * them. Their numbers depend on how often they were drawn from before.
 */
export function drawnUnkeyed<T>(own: Generator, body: () => T): { result: T; found: Generator[] } {
  const outer = unkeyed;
  const found = new Set<Generator>();
  unkeyed = { placed: new Set([own]), found };
  try {
    return { result: body(), found: [...found] };
  } finally {
    unkeyed = outer;
  }
}

/**
 * Runs `body` with another generator, which a framework may have keyed by step and shard with `restart`.
 *
 * @throws ShardgradError if `body` is asynchronous
 */
export function withGenerator<T>(generator: Generator, body: () => T): T {
  if (!(generator instanceof Generator)) {
    throw new ValueError(
      `withGenerator: got ${kindOf(generator)}, expected a Generator, such as new Generator(1)`,
    );
  }
  requireFunction("withGenerator", body);
  const before = current;
  current = generator;
  try {
    const result = body();
    refusePromise("withGenerator", result, "given a generator");
    return result;
  } finally {
    current = before;
  }
}

const rounds = 6;

/** Mixes all 32 bits (the finalizer of MurmurHash3). */
function mix(word: number): number {
  let x = word;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}

/**
 * A keyed pseudo-random permutation of 0 … n-1 without a table: the sample at each position can be computed by itself.
 * A six-round Feistel network over a × b ≥ n, walked until the value falls below n (Black and Rogaway, "Ciphers with
 * arbitrary finite domains", 2002). The round function is a multiplicative hash, as in Mitchell et al.,
 * "Bandwidth-optimal random shuffling for GPUs", https://arxiv.org/abs/2106.06161; Philox gives the round keys.
 */
export class Permutation {
  readonly length: number;
  readonly #a: number;
  readonly #b: number;
  /** Two words per round. */
  readonly #keys = new Int32Array(2 * rounds);

  /** A permutation of `length` positions, distinct for each (seed, stream, epoch). */
  constructor(length: number, seed: number, epoch: number, streamNumber: number = stream.shuffle) {
    checkSeed("Permutation", seed);
    this.length = length;
    this.#a = Math.max(1, Math.ceil(Math.sqrt(length)));
    this.#b = Math.max(1, Math.ceil(length / this.#a));
    const block = new Uint32Array(4);
    for (let i = 0; i < 2 * rounds; i++) {
      if (i % 4 === 0) philox(block, i / 4, 0, epoch, streamNumber, seed, Math.floor(seed / 0x100000000));
      this.#keys[i] = block[i % 4]!;
    }
  }

  /**
   * The value at `place`; both are in 0 … length-1.
   *
   * @throws ValueError if there is no such place
   */
  at(place: number): number {
    if (!(Number.isInteger(place) && place >= 0 && place < this.length)) {
      throw new ValueError(`Permutation: place ${place}, expected an integer from 0 to ${this.length - 1}`);
    }
    let value = place;
    do value = this.#encrypt(value);
    while (value >= this.length);
    return value;
  }

  #encrypt(value: number): number {
    const a = this.#a;
    const b = this.#b;
    const keys = this.#keys;
    let left = value % a;
    let right = Math.floor(value / a);
    for (let i = 0; i < 2 * rounds; i += 4) {
      // Each half in turn is rotated by a share of its length that the other half decides.
      left = (left + Math.floor(mix(mix(right ^ keys[i]!) + keys[i + 1]!) * (a / 0x100000000))) % a;
      right = (right + Math.floor(mix(mix(left ^ keys[i + 2]!) + keys[i + 3]!) * (b / 0x100000000))) % b;
    }
    return left + a * right;
  }
}
