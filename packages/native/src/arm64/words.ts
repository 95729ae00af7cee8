// Machine code of arm64 as words of 32 bits: a buffer, labels and what refers to them. Knows no instruction: asm.ts does.
import type { Label } from "../assembler/labels.ts";
import { newLabel, unbound } from "../assembler/labels.ts";

const nop = 0xd503201f;

/** So many bits of a word, from `shift` on, that will hold the distance to a label, in words. */
interface Fixup {
  readonly word: number;
  readonly label: Label;
  readonly bits: number;
  readonly shift: number;
}

export class Words {
  #words = new Uint32Array(1024);
  #count = 0;
  readonly #fixups: Fixup[] = [];

  /** The offset of the next word, in bytes. */
  get at(): number {
    return 4 * this.#count;
  }

  word(word: number): void {
    if (this.#count === this.#words.length) {
      const larger = new Uint32Array(2 * this.#count);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words[this.#count++] = word;
  }

  /** Fills up to a multiple of so many bytes with instructions that do nothing. */
  align(to: number): void {
    while (this.at % to) this.word(nop);
  }

  bind(label: Label): Label {
    label.at = this.at;
    return label;
  }

  here(): Label {
    return this.bind(newLabel());
  }

  /** The code, with the distances to all labels. */
  finish(): Uint8Array {
    for (const { word, label, bits, shift } of this.#fixups) {
      if (label.at === unbound)
        throw new Error(`assembler: the label that offset ${4 * word} refers to was never bound`);
      const distance = label.at / 4 - word;
      const limit = 2 ** (bits - 1);
      if (distance < -limit || distance >= limit)
        throw new Error(`assembler: offset ${4 * word} does not reach its label, ${4 * distance} bytes away`);
      this.#words[word]! |= (distance & (2 * limit - 1)) << shift;
    }
    const code = new DataView(new ArrayBuffer(this.at));
    for (let i = 0; i < this.#count; i++) code.setUint32(4 * i, this.#words[i]!, true);
    return new Uint8Array(code.buffer);
  }

  /** A word with the distance to a label. */
  protected wordTo(word: number, label: Label, bits: number, shift: number): void {
    this.#fixups.push({ word: this.#count, label, bits, shift });
    this.word(word);
  }
}
