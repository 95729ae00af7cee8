// What the steps of an epoch have brought so far, added up in their order: the same on every worker, from the same shared
// numbers.

export class EpochSums {
  lossSum: number;
  weight: number;

  /** Begins with what the epoch had brought when the run was interrupted. */
  constructor({ lossSum, weight }: { lossSum: number; weight: number }) {
    this.lossSum = lossSum;
    this.weight = weight;
  }

  /** Adds a step: its loss, which counts `weight` times. */
  add({ loss, weight }: { loss: number; weight: number }): void {
    this.lossSum += loss;
    this.weight += weight;
  }

  /** Ends an epoch, and begins the next. Returns the mean loss. */
  close(): number {
    const loss = this.lossSum / this.weight;
    [this.lossSum, this.weight] = [0, 0];
    return loss;
  }
}
