// Shared words for the model checker: every operation is one move of one rank, in the order that the checker chooses. A
// sleeping rank is recorded, not blocked: its Barrier is already at its next step, which it does once the checker lets
// it continue.
import type { SharedWords } from "../src/shared/words/barrier.ts";

export class SimulatedWords implements SharedWords {
  readonly view: Int32Array;
  /** For each rank, the index of the word that it sleeps on, or -1. */
  readonly asleep: number[];
  /** The rank whose move it is. */
  current = 0;
  /** Operations of the move so far. */
  operations = 0;
  readonly #onAdd: (index: number) => void;

  constructor(view: Int32Array, ranks: number, onAdd: (index: number) => void) {
    this.view = view;
    this.asleep = Array.from({ length: ranks }, () => -1);
    this.#onAdd = onAdd;
  }

  load(index: number): number {
    this.operations++;
    return this.view[index]!;
  }

  store(index: number, value: number): void {
    this.operations++;
    this.view[index] = value;
  }

  add(index: number, value: number): number {
    this.operations++;
    const before = this.view[index]!;
    this.view[index] = before + value;
    this.#onAdd(index);
    return before;
  }

  compareExchange(index: number, expected: number, value: number): number {
    this.operations++;
    const before = this.view[index]!;
    if (before === expected) this.view[index] = value;
    return before;
  }

  wait(index: number, expected: number): void {
    this.operations++;
    if (this.view[index] === expected) this.asleep[this.current] = index;
  }

  waitAsync(index: number, expected: number): undefined {
    this.wait(index, expected);
  }

  notify(index: number): void {
    this.operations++;
    this.asleep.forEach((word, rank) => {
      if (word === index) this.asleep[rank] = -1;
    });
  }

  pause(): void {}
}
