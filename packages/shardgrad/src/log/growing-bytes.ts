// Bytes that a file gets next. Texts become bytes soon: as texts of many parts they would outlive collections of garbage.
import { writeSync } from "node:fs";

export class GrowingBytes {
  #bytes = Buffer.alloc(64 * 1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  add(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  addText(text: string): void {
    // The most that UTF-8 needs.
    this.#reserve(3 * text.length);
    this.#length += this.#bytes.write(text, this.#length);
  }

  /** Writes everything to an open file, and is empty then. */
  writeTo(file: number): void {
    for (let at = 0; at < this.#length; ) at += writeSync(file, this.#bytes, at, this.#length - at);
    this.#length = 0;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.alloc(2 * needed);
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
