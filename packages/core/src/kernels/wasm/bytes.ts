// A growing array of bytes, with the number formats of WebAssembly modules.

export class Bytes {
  #bytes = new Uint8Array(1024);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  #grow(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#length + more));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  byte(...values: readonly number[]): void {
    this.#grow(values.length);
    for (const value of values) this.#bytes[this.#length++] = value;
  }

  replace(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  /** LEB128 of an integer that is not negative. */
  unsigned(value: number): void {
    let rest = value;
    do {
      const low = rest % 128;
      rest = Math.floor(rest / 128);
      this.byte(rest > 0 ? low + 128 : low);
    } while (rest > 0);
  }

  /** LEB128 of an integer with a sign. */
  signed(value: number) {
    for (let rest = value; ; ) {
      const low = ((rest % 128) + 128) % 128;
      rest = Math.floor(rest / 128);
      if ((rest === 0 && low < 64) || (rest === -1 && low >= 64)) return this.byte(low);
      this.byte(low + 128);
    }
  }

  append(other: Bytes): void {
    this.#grow(other.length);
    this.#bytes.set(other.#bytes.subarray(0, other.length), this.#length);
    this.#length += other.length;
  }

  /** Its length, then the bytes. */
  sized(other: Bytes): void {
    this.unsigned(other.length);
    this.append(other);
  }

  /** Text of ASCII characters. */
  text(value: string): void {
    this.unsigned(value.length);
    for (let i = 0; i < value.length; i++) this.byte(value.charCodeAt(i));
  }

  equals(other: Bytes): boolean {
    if (other.length !== this.#length) return false;
    for (let i = 0; i < this.#length; i++) if (this.#bytes[i] !== other.#bytes[i]) return false;
    return true;
  }

  toArray(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}
