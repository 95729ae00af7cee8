// A short text that identifies the contents of a set's columns, so that a resumed run trains on the same data. Its 128
// bits guard against mistakes, not against malice. Hashing takes a quarter of the time of the check for finite numbers,
// which reads the set anyway.
import { heap } from "@shardgrad/core/engine";
import type { StoredColumn, StoredColumns } from "./columns.ts";
import { rowSize } from "./columns.ts";

/** The first four multipliers of xxHash32. */
const [p0, p1, p2, p3] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];

const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");

/** Spreads each bit of a word over the whole word: the finalizer of MurmurHash3. */
function spread(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * Hashes bytes into 32 hex digits. Each of four lanes takes in a word, then they are rotated, and one lane takes in
 * another. Every step is invertible, so a change of a single word always changes the hash.
 */
export function hashBytes(bytes: Uint8Array): string {
  const whole = bytes.byteLength >>> 2;
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const words = new Int32Array(aligned.buffer, aligned.byteOffset, whole);
  let [a, b, c, d] = [p0, p1, p2, p3];
  const fours = whole - (whole % 4);
  for (let i = 0; i < fours; i += 4) {
    a = Math.imul(a ^ words[i]!, p0);
    a ^= a >>> 15;
    b = Math.imul(b ^ words[i + 1]!, p1);
    b ^= b >>> 15;
    c = Math.imul(c ^ words[i + 2]!, p2);
    c ^= c >>> 15;
    d = Math.imul(d ^ words[i + 3]!, p3);
    d ^= d >>> 15;
    const sum = (a + c) | 0;
    a = b;
    b = c;
    c = d;
    d = sum;
  }
  const rest = [...words.subarray(fours), ...bytes.subarray(4 * whole), bytes.byteLength];
  for (const word of rest) {
    a = Math.imul(a ^ word, p0);
    a ^= a >>> 15;
  }
  // Each of the four result words depends on all lanes.
  return [p0, p1, p2, p3].map((prime) => hex(spread(spread(spread(spread(a ^ prime) ^ b) ^ c) ^ d))).join("");
}

/** `float32 [28,28], content 0f3a…`. A computed column is described by its definition only. */
function describeColumn(column: StoredColumn, samples: number, isComputed: boolean): string {
  const { address, dtype, shape, scaling } = column;
  const scaled = scaling ? ` × ${scaling.scale} + ${scaling.shift}` : "";
  const kind = `${dtype} [${shape.join(",")}]${scaled}`;
  if (isComputed) return `${kind}, computed`;
  const bytes = samples * rowSize(column) * (dtype === "uint8" ? 1 : 4);
  return `${kind}, content ${hashBytes(heap().uint8.subarray(address, address + bytes)).slice(0, 16)}`;
}

/** Describes the contents of each column of a stored set. A part of another set is described by that whole set. */
export function describeColumns({
  samples,
  columns,
  computedBy,
  subset,
}: StoredColumns): Map<string, string> {
  const rows = subset?.of ?? samples;
  return new Map(
    columns.map((column) => [column.name, describeColumn(column, rows, computedBy !== undefined)]),
  );
}
