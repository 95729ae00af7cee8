// The allocator of one range of the shared memory: returns and takes back byte offsets. Freed blocks wait in a list per
// size, so that a training loop gets the same blocks in every step. When the range runs out, or the lists hold too
// much, they are merged with their neighbours. See README.md in this folder.
import { MemoryError } from "../errors.ts";

/** Every block starts on a cache line, so that threads never share one by accident. */
export const alignment = 64;

/** Rounds up to one of eight sizes per doubling: wastes at most 12.5 %, and needs few lists. */
export function blockSize(bytes: number): number {
  if (bytes <= 8 * alignment) return Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
  const step = Math.max(alignment, 2 ** (Math.ceil(Math.log2(bytes)) - 4));
  return Math.ceil(bytes / step) * step;
}

interface Span {
  offset: number;
  bytes: number;
}

const mebibyte = 1024 * 1024;

/** `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB"];
  let value = bytes / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

export class Arena {
  readonly base: number;
  /** Bytes allocated and not yet freed. */
  live = 0;
  /** The largest `live` so far. */
  peak = 0;
  #bytes: number;
  #waiting = 0;
  readonly #lists = new Map<number, number[]>();
  #spans: Span[];
  readonly #holders = new Map<string, number>();

  constructor(base: number, bytes: number) {
    this.base = Math.ceil(base / alignment) * alignment;
    this.#bytes = Math.floor((base + bytes - this.base) / alignment) * alignment;
    this.#spans = [{ offset: this.base, bytes: this.#bytes }];
  }

  /** The length of its range. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Moves the end of its range up to so many bytes. */
  extendTo(end: number): void {
    const from = this.base + this.#bytes;
    const bytes = Math.floor((end - from) / alignment) * alignment;
    this.#merge();
    const last = this.#spans.at(-1);
    if (last && last.offset + last.bytes === from) last.bytes += bytes;
    else this.#spans.push({ offset: from, bytes });
    this.#bytes += bytes;
  }

  /** The parts of its range that are allocated, in their order. */
  used(): { offset: number; bytes: number }[] {
    this.#merge();
    const free = [...this.#spans, { offset: this.base + this.#bytes, bytes: 0 }];
    let from = this.base;
    const parts = free.map(({ offset, bytes }) => {
      const part = { offset: from, bytes: offset - from };
      from = offset + bytes;
      return part;
    });
    return parts.filter(({ bytes }) => bytes > 0);
  }

  /** The offset of a block of at least `bytes` bytes, on a cache line. `holder` names it in the out-of-memory error. */
  allocate(bytes: number, holder: string): number {
    const size = blockSize(bytes);
    let offset = this.#lists.get(size)?.pop();
    if (offset !== undefined) this.#waiting -= size;
    else offset = this.#carve(size);
    if (offset === undefined) {
      this.#merge();
      offset = this.#carve(size);
    }
    if (offset === undefined) throw this.#exhausted(bytes, holder);
    this.live += size;
    if (this.live > this.peak) this.peak = this.live;
    this.#holders.set(holder, (this.#holders.get(holder) ?? 0) + size);
    return offset;
  }

  /** Frees a block; pass the `bytes` and `holder` of its `allocate`. */
  free(offset: number, bytes: number, holder: string): void {
    const size = blockSize(bytes);
    const list = this.#lists.get(size);
    if (list) list.push(offset);
    else this.#lists.set(size, [offset]);
    this.#waiting += size;
    this.live -= size;
    const held = (this.#holders.get(holder) ?? 0) - size;
    if (held > 0) this.#holders.set(holder, held);
    else this.#holders.delete(holder);
    if (this.#waiting > 2 * this.live + 256 * mebibyte) this.#merge();
  }

  /** The largest block available now, in bytes. */
  largestFree(): number {
    this.#merge();
    return this.#spans.reduce((most, span) => Math.max(most, span.bytes), 0);
  }

  #carve(size: number): number | undefined {
    const index = this.#spans.findIndex((span) => span.bytes >= size);
    if (index < 0) return undefined;
    const span = this.#spans[index]!;
    const offset = span.offset;
    span.offset += size;
    span.bytes -= size;
    if (span.bytes === 0) this.#spans.splice(index, 1);
    return offset;
  }

  /** Returns all waiting blocks to the free ranges and merges neighbours. */
  #merge(): void {
    if (this.#waiting === 0) return;
    const all = this.#spans;
    for (const [size, offsets] of this.#lists)
      for (const offset of offsets) all.push({ offset, bytes: size });
    this.#lists.clear();
    this.#waiting = 0;
    all.sort((a, b) => a.offset - b.offset);
    const merged: Span[] = [];
    for (const span of all) {
      const last = merged.at(-1);
      if (last && last.offset + last.bytes === span.offset) last.bytes += span.bytes;
      else merged.push(span);
    }
    this.#spans = merged;
  }

  #exhausted(bytes: number, holder: string): MemoryError {
    if (bytes > this.bytes) {
      return new MemoryError(
        `${holder}: asked for ${formatBytes(bytes)}, more than the ${formatBytes(this.bytes)} there are in all; use smaller tensors`,
      );
    }
    const holders = [...this.#holders].sort((a, b) => b[1] - a[1]).slice(0, 5);
    const held = holders.map(([name, amount]) => `${name} ${formatBytes(amount)}`).join(", ");
    return new MemoryError(
      `${holder}: asked for ${formatBytes(bytes)}, but ${formatBytes(this.live)} of ${formatBytes(this.bytes)} are held (${held}); ` +
        "use a smaller batch, wrap steps in scope(() => …), or dispose() what is no longer needed",
    );
  }
}
