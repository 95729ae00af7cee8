// The sums over the steps of an epoch so far, in order: the same on every worker, from the same shared numbers.

export class EpochSums {
  lossSum: number;
  weight: number;

  /** Starts with the epoch's sums from before an interruption. */
  constructor({ lossSum, weight }: { lossSum: number; weight: number }) {
    this.lossSum = lossSum;
    this.weight = weight;
  }

  /** Adds a step's loss with its weight. */
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
