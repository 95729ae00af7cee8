// Rows of a matrix that lie one step apart.
import type { Recorder } from "../../language/recorder.ts";
import type { Place, Value, Variable } from "../../language/values.ts";

/** Rows that lie a step apart, addressed from a base for each three of them. */
export class SteppedRows {
  readonly #k: Recorder;
  readonly #bases: readonly Variable[];
  readonly #step: Value | Variable;

  constructor(k: Recorder, count: number, first: Variable, step: Value | Variable) {
    const bases: Variable[] = [];
    for (let row = 0; row < count; row += 3) {
      const before = bases.at(-1);
      bases.push(k.variable(first.type, before ? k.add(k.add(before, k.shl(step, 1)), step) : first));
    }
    this.#k = k;
    this.#bases = bases;
    this.#step = step;
  }

  at(row: number, offset = 0): Place {
    const base = this.#bases[Math.floor(row / 3)]!;
    const rest = row % 3;
    return rest === 0 ? this.#k.at(base, offset) : this.#k.at(base, offset, this.#step, rest as 1 | 2);
  }

  advance(by: Value | Variable | number): void {
    for (const base of this.#bases) this.#k.increase(base, by);
  }
}
