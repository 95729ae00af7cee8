// The hash changes with any bit, with the order and with the length. It does not change with the address.
import { expect, it } from "vitest";
import { hashBytes } from "./column-hash.ts";

const bytes = Uint8Array.from({ length: 77 }, (_, i) => (i * 37) % 256);

it("is another for every bit that is changed", () => {
  const hashes = new Set([hashBytes(bytes)]);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const changed = bytes.slice();
    changed[bit >> 3]! ^= 1 << (bit & 7);
    hashes.add(hashBytes(changed));
  }
  expect(hashes.size).toBe(8 * bytes.length + 1);
});

it("is another for every length, and for zeros of every number", () => {
  const lengths = Array.from({ length: 70 }, (_, length) => length);
  expect(new Set(lengths.map((length) => hashBytes(bytes.subarray(0, length)))).size).toBe(70);
  expect(new Set(lengths.map((length) => hashBytes(new Uint8Array(length)))).size).toBe(70);
});

it("is another for words that are exchanged, near or far, and for bits that change together", () => {
  const words = Uint32Array.from({ length: 64 }, (_, i) => i);
  const hashes = new Set([hashBytes(new Uint8Array(words.buffer))]);
  let made = 1;
  for (let from = 0; from < 64; from++) {
    for (let to = from + 1; to < 64; to++, made++) {
      const exchanged = words.slice();
      [exchanged[from], exchanged[to]] = [exchanged[to]!, exchanged[from]!];
      hashes.add(hashBytes(new Uint8Array(exchanged.buffer)));
    }
  }
  for (let word = 0; word < 60; word++, made++) {
    const changed = words.slice();
    changed[word]! ^= 0x80000000;
    changed[word + 4]! ^= 0x80000000;
    hashes.add(hashBytes(new Uint8Array(changed.buffer)));
  }
  expect(hashes.size).toBe(made);
});

it("is the same wherever the bytes lie, and has 32 digits", () => {
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  expect(hashBytes(shifted.subarray(3))).toBe(hashBytes(bytes));
  expect(hashBytes(bytes)).toMatch(/^[0-9a-f]{32}$/);
});
