// The body of a function as it grows, with its locals.
import { Bytes } from "./bytes.ts";
import { op } from "./instructions.ts";

export class Code extends Bytes {
  /** Where the last instruction begins and ends, if it sets a local. */
  #set = { local: -1, begin: -1, end: -1 };

  /** Puts a local onto the stack. */
  get(local: number): void {
    // What was just set from the stack stays there, too.
    if (this.#set.local === local && this.#set.end === this.length) {
      this.replace(this.#set.begin, op.tee);
      this.#set.end = -1;
      return;
    }
    this.byte(op.get);
    this.unsigned(local);
  }

  /** Takes a local from the stack. */
  set(local: number): void {
    const begin = this.length;
    this.byte(op.set);
    this.unsigned(local);
    this.#set = { local, begin, end: this.length };
  }
}
