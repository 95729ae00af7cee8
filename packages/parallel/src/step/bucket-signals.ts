// A worker's side of parts that leave early (shared/arrays/buckets.ts): from the gradients that its last shard's backward pass
// has finished to the word that lets a part leave. Only replays tell early: a pass that is recorded, or run anew, may
// fail midway and begin again.
import { hostStep } from "@shardgrad/core/engine";
import type { Bucket, BucketWords } from "../shared/arrays/buckets.ts";
import type { GradientSums } from "./gradient-sums.ts";

export class BucketSignals {
  readonly #buckets: readonly Bucket[];
  readonly #words: BucketWords;
  readonly #sums: GradientSums;
  /** The worker's last shard: with its gradients, those of all are there. */
  readonly #last: number;
  /** By parameter: its part. */
  readonly #bucketOf: number[] = [];
  readonly #done: boolean[];
  #isReplay = true;

  constructor(
    buckets: readonly Bucket[],
    words: BucketWords,
    { sums, last }: { sums: GradientSums; last: number },
  ) {
    this.#buckets = buckets;
    this.#words = words;
    this.#sums = sums;
    this.#last = last;
    this.#done = buckets.map(() => false);
    buckets.forEach(({ parameters: [first, end] }, index) => {
      for (let parameter = first; parameter < end; parameter++) this.#bucketOf[parameter] = index;
    });
  }

  /** A step begins: the link has read what was told of the last one. */
  begin(): void {
    this.#done.fill(false);
  }

  /**
   * Runs one pass that is not a replay, or records one, with what `grad` calls when the gradient of a parameter is
   * there.
   */
  during(shard: number, pass: (ready: ((parameter: number) => void) | undefined) => void): void {
    if (shard !== this.#last) {
      pass(undefined);
      return;
    }
    const missing = this.#buckets.map(({ parameters: [first, end] }) => end - first);
    this.#isReplay = false;
    try {
      pass((parameter) => {
        const bucket = this.#bucketOf[parameter]!;
        if (--missing[bucket]! > 0) return;
        hostStep("gradients are there", () => {
          if (this.#isReplay) this.#finish(bucket);
        });
      });
    } finally {
      this.#isReplay = true;
    }
  }

  /** All passes of the step are over. */
  finish(): void {
    for (let bucket = 0; bucket < this.#buckets.length; bucket++) this.#finish(bucket);
  }

  #finish(bucket: number): void {
    if (this.#done[bucket]) return;
    const { from, to } = this.#buckets[bucket]!;
    this.#sums.addUp(this.#last, [from, to]);
    this.#done[bucket] = true;
    this.#words.tell(bucket);
  }
}
