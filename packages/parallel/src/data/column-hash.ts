// What the columns of a set hold, as a short text: so that a run goes on from a checkpoint with the very data that it
// began with. 128 bits, against mistakes and not against malice. A set takes a quarter of the time of the check that its
// numbers are finite, which it goes through anyway.
import { heap } from "@shardgrad/core/engine";
import type { StoredColumn, StoredColumns } from "./columns.ts";
import { rowSize } from "./columns.ts";

/** Four multipliers, those of xxHash32. */
const [p0, p1, p2, p3] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d, 0x27d4eb2f];

const hex = (word: number) => (word >>> 0).toString(16).padStart(8, "0");

/** Spreads each bit of a word over all of it: the end of MurmurHash3. */
function spread(word: number): number {
  let h = word;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/**
 * A hash of bytes, of 32 digits. Four lanes take in a word each, then they are turned, and one of them takes in another
 * lane. Every step can be undone, so that one other word is always noticed.
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
  // Each of the four words of the result depends on all lanes.
  return [p0, p1, p2, p3].map((prime) => hex(spread(spread(spread(spread(a ^ prime) ^ b) ^ c) ^ d))).join("");
}

/** `float32 [28,28], content 0f3a…`; of a column that is computed, only what its definition says. */
function describeColumn(column: StoredColumn, samples: number, isComputed: boolean): string {
  const { address, dtype, shape, scaling } = column;
  const scaled = scaling ? ` × ${scaling.scale} + ${scaling.shift}` : "";
  const kind = `${dtype} [${shape.join(",")}]${scaled}`;
  if (isComputed) return `${kind}, computed`;
  const bytes = samples * rowSize(column) * (dtype === "uint8" ? 1 : 4);
  return `${kind}, content ${hashBytes(heap().uint8.subarray(address, address + bytes)).slice(0, 16)}`;
}

/** What each column of a stored set holds; of a part of another set, what that one does. */
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
