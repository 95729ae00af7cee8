// Messages under way: MPI's request handles, in memory of this package. A ticket is the index of a slot, which is used
// again once its message is done. Nothing is allocated for a message, but when the pool grows.
import { addressOf } from "./native.ts";

/** What is under way in a slot. */
export const kinds = { none: 0, send: 1, receive: 2, gather: 3 } as const;

/** Bytes before the first slot: the flag of MPI_Test. */
const headerBytes = 8;

export class Requests {
  readonly #handleBytes: number;
  /** Off V8's heap, so it is never moved. */
  #memory: Uint8Array;
  #flag: Int32Array;
  /** Where the flag of MPI_Test is, and behind it the slots. */
  flagAddress: number;
  #kinds: Uint8Array;
  #peers: Int32Array;
  /** The free slots are the first `#freeCount` of it; the last of them is used next. */
  #free: Int32Array;
  #freeCount = 0;

  constructor(handleBytes: number, capacity = 1024) {
    this.#handleBytes = handleBytes;
    this.#memory = new Uint8Array(new ArrayBuffer(headerBytes + capacity * handleBytes));
    this.#flag = new Int32Array(this.#memory.buffer, 0, 1);
    this.flagAddress = addressOf(this.#memory);
    this.#kinds = new Uint8Array(capacity);
    this.#peers = new Int32Array(capacity);
    this.#free = new Int32Array(capacity);
    this.#release(0, capacity);
  }

  #release(first: number, end: number): void {
    for (let slot = end - 1; slot >= first; slot--) this.#free[this.#freeCount++] = slot;
  }

  /** Twice as many slots. A handle is a value, and MPI looks at its place during a call only: so it may move. */
  #grow(): void {
    const old = { memory: this.#memory, kinds: this.#kinds, peers: this.#peers };
    const capacity = 2 * old.kinds.length;
    this.#memory = new Uint8Array(new ArrayBuffer(headerBytes + capacity * this.#handleBytes));
    this.#memory.set(old.memory);
    this.#flag = new Int32Array(this.#memory.buffer, 0, 1);
    this.flagAddress = addressOf(this.#memory);
    this.#kinds = new Uint8Array(capacity);
    this.#kinds.set(old.kinds);
    this.#peers = new Int32Array(capacity);
    this.#peers.set(old.peers);
    this.#free = new Int32Array(capacity);
    this.#release(old.kinds.length, capacity);
  }

  /** A slot for a message with `peer`, or with all. */
  take(kind: number, peer: number): number {
    if (this.#freeCount === 0) this.#grow();
    const slot = this.#free[--this.#freeCount]!;
    this.#kinds[slot] = kind;
    this.#peers[slot] = peer;
    return slot;
  }

  giveBack(slot: number): void {
    this.#kinds[slot] = kinds.none;
    this.#free[this.#freeCount++] = slot;
  }

  /** What is under way in a slot: one of `kinds`. */
  kindOf(slot: number): number {
    return this.#kinds[slot] ?? kinds.none;
  }

  peerOf(slot: number): number {
    return this.#peers[slot]!;
  }

  /** Where a slot's handle is. */
  addressOf(slot: number): number {
    return this.flagAddress + headerBytes + slot * this.#handleBytes;
  }

  /** What MPI_Test has written. */
  get flag(): boolean {
    return this.#flag[0] !== 0;
  }
}
