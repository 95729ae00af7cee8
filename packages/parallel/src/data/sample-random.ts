// Random numbers for one sample, keyed by (seed, epoch, sample). They depend neither on who computes the sample, nor on
// when, nor on earlier draws for other samples. Knows nothing of data sets.
import { Generator, philox, stream, withGenerator } from "@shardgrad/core";
import { JobError } from "../errors.ts";

/** Random numbers for one sample in one epoch. While they are in use, core's `rand` and `randn` draw from them, too. */
export interface SampleRandom {
  /** Uniform in [`low`, `high`); defaults 0 and 1. */
  uniform(low?: number, high?: number): number;
  /** Normally distributed; by default with mean 0 and standard deviation 1. */
  normal(mean?: number, std?: number): number;
  /** An integer from 0 to `below` - 1; `below` is at most 2^32. */
  integer(below: number): number;
}

/** The purpose of a draw. Evaluations never share random numbers with training. */
export const purposes = ["training", "evaluation"] as const;
export type Purpose = (typeof purposes)[number];

/** How many numbers one sample may draw before it would reach the next sample's. 2^31 samples make 2^53 positions. */
export const drawsPerSample = 2 ** 22;

/** The random numbers of all samples of a run; `restart` selects the sample. */
export class SampleStream implements SampleRandom {
  readonly #generator: Generator;
  readonly #purpose: number;
  readonly #key: readonly [low: number, high: number];
  readonly #words = new Uint32Array(4);
  /** Unused words of the current block. */
  #left = 0;

  constructor(seed: number, purpose: Purpose) {
    this.#generator = new Generator(seed, stream.sample);
    this.#purpose = purposes.indexOf(purpose);
    this.#key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
  }

  /**
   * Runs `body` with the random numbers of one sample in one epoch.
   *
   * @param key the sample number, or the number of the draw if samples may repeat
   * @throws JobError if it draws more numbers than one sample has
   */
  within<T>(key: number, epoch: number, body: () => T): T {
    this.#generator.restart(epoch, this.#purpose).position = key * drawsPerSample;
    this.#left = 0;
    const result = withGenerator(this.#generator, body);
    const drawn = this.#generator.position - key * drawsPerSample;
    if (drawn > drawsPerSample) {
      throw new JobError(
        `dataset: a sample drew ${drawn} random numbers, expected at most ${drawsPerSample}; use each for several values`,
      );
    }
    return result;
  }

  uniform(low = 0, high = 1): number {
    return low + (high - low) * (this.#word() / 2 ** 32);
  }

  /** The Box-Muller transform. */
  normal(mean = 0, std = 1): number {
    const radius = Math.sqrt(-2 * Math.log((this.#word() + 1) / 2 ** 32));
    return mean + std * radius * Math.cos((2 * Math.PI * this.#word()) / 2 ** 32);
  }

  integer(below: number): number {
    if (!(Number.isInteger(below) && below >= 1 && below <= 2 ** 32)) {
      throw new JobError(`rng.integer: got ${below}, expected an integer from 1 to 2^32`);
    }
    return Math.floor((this.#word() / 2 ** 32) * below);
  }

  #word(): number {
    if (this.#left === 0) {
      const block = this.#generator.take(4) / 4;
      const upper = Math.floor(block / 2 ** 32) + this.#generator.shard * 2 ** 19;
      philox(this.#words, block, upper, this.#generator.step, stream.sample, ...this.#key);
      this.#left = 4;
    }
    return this.#words[4 - this.#left--]!;
  }
}
