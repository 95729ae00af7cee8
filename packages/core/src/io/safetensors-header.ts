// The header of a safetensors file, read strictly (https://github.com/huggingface/safetensors#format): u64 length, then
// JSON of one fixed form. JSON.parse would silently keep the last of two equal keys, so this scans the text itself. The
// form does not nest, so nothing recurses. Allocates nothing in the heap; the elements are read later.
import { FormatError } from "../errors.ts";

/** Where a file is read from, part by part: its length, and what fills an array with its bytes from `start` on. */
export interface SafetensorsSource {
  readonly bytes: number;
  /** Fills an array with the bytes from `start` on. */
  read(start: number, into: Uint8Array): void;
}

/** Where a tensor's elements lie, in bytes from the start of the data, and their type. */
export interface TensorEntry {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

export interface SafetensorsHeader {
  /** In the order of the file. */
  readonly entries: readonly TensorEntry[];
  /** Without prototype, so that it has only the file's keys. */
  readonly metadata: Record<string, string>;
  /** First byte of the data. */
  readonly dataStart: number;
}

/** The longest header, in bytes, that readers of this format accept. */
export const maximumHeaderBytes = 100_000_000;

/** The format has no such limit, but more axes than NumPy supports are an attack on memory, not a tensor. */
const maximumRank = 64;

/** Bits per element of the format's dtypes. */
const bitsOf: ReadonlyMap<string, number> = new Map([
  ...(["F64", "I64", "U64", "C64"] as const).map((name) => [name, 64] as const),
  ...(["F32", "I32", "U32"] as const).map((name) => [name, 32] as const),
  ...(["F16", "BF16", "I16", "U16"] as const).map((name) => [name, 16] as const),
  ...(["I8", "U8", "BOOL"] as const).map((name) => [name, 8] as const),
  ...["F8_E5M2", "F8_E4M3", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"].map((name) => [name, 8] as const),
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["F4", 4],
]);

function fail(problem: string): never {
  throw new FormatError(`readSafetensors: ${problem}; the file is damaged, or not safetensors`);
}

/** A name for errors: quoted, and of bounded length. */
export function quoted(name: string): string {
  return JSON.stringify(name.length > 64 ? `${name.slice(0, 63)}…` : name);
}

/** Walks the header's text, token by token. */
class Scanner {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  expected(what: string): never {
    const rest = this.#text.slice(this.#at, this.#at + 12);
    fail(`header, character ${this.#at}: expected ${what}, got ${rest === "" ? "the end" : quoted(rest)}`);
  }

  #skipSpace(): void {
    while (" \t\n\r".includes(this.#text[this.#at] ?? "x")) this.#at++;
  }

  /** Steps over `character` if it comes next. */
  skip(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  take(character: string): void {
    if (!this.skip(character)) this.expected(`\`${character}\``);
  }

  string(): string {
    if (!this.skip('"')) this.expected("a string");
    const start = this.#at - 1;
    for (;;) {
      const character = this.#text[this.#at++];
      if (character === undefined) fail("header: a string does not end");
      if (character === "\\") this.#at++;
      else if (character === '"') break;
    }
    let value: unknown;
    try {
      value = JSON.parse(this.#text.slice(start, this.#at));
    } catch {
      fail(`header, character ${start}: the string is not valid JSON`);
    }
    if (!(value as string).isWellFormed())
      fail(`header, character ${start}: the string is not valid Unicode`);
    return value as string;
  }

  /** A size or an offset: a non-negative integer that a number holds exactly. */
  integer(): number {
    this.#skipSpace();
    const digits = /0|[1-9]\d*/y;
    digits.lastIndex = this.#at;
    const match = digits.exec(this.#text)?.[0];
    if (match === undefined) this.expected("a non-negative integer");
    if (!Number.isSafeInteger(Number(match))) this.expected("an integer below 2^53");
    this.#at += match.length;
    return Number(match);
  }

  /** `[integer, …]`, at most `limit` of them. */
  integers(limit: number): number[] {
    const list: number[] = [];
    this.take("[");
    if (this.skip("]")) return list;
    do {
      if (list.length === limit) this.expected(`at most ${limit} numbers`);
      list.push(this.integer());
    } while (this.skip(","));
    this.take("]");
    return list;
  }

  /** `{"key": value, …}` with distinct keys. */
  object(value: (key: string) => void): void {
    const keys = new Set<string>();
    this.take("{");
    if (this.skip("}")) return;
    do {
      const key = this.string();
      if (keys.has(key)) fail(`header: the key ${quoted(key)} is there twice`);
      keys.add(key);
      this.take(":");
      value(key);
    } while (this.skip(","));
    this.take("}");
  }

  /** Only padding may be left. */
  end(): void {
    while (this.#text[this.#at] === " ") this.#at++;
    if (this.#at < this.#text.length) this.expected("spaces");
  }
}

function scanEntry(scanner: Scanner, name: string): TensorEntry {
  let dtype: string | undefined;
  let shape: number[] = [];
  let offsets: number[] = [];
  const seen = new Set<string>();
  scanner.object((key) => {
    seen.add(key);
    if (key === "dtype") dtype = scanner.string();
    else if (key === "shape") shape = scanner.integers(maximumRank);
    else if (key === "data_offsets") offsets = scanner.integers(2);
    else fail(`header: tensor ${quoted(name)} has the unknown field ${quoted(key)}`);
  });
  if (dtype === undefined || seen.size !== 3 || offsets.length !== 2) {
    fail(`header: tensor ${quoted(name)} needs dtype, shape and two data_offsets`);
  }
  return { name, dtype, shape, start: offsets[0]!, end: offsets[1]! };
}

/** Bytes that shape and dtype require; products are exact, and must fit 64 bits. */
function bytesOf({ name, dtype, shape }: TensorEntry): bigint {
  const bits = bitsOf.get(dtype);
  if (bits === undefined) fail(`tensor ${quoted(name)} has the unknown dtype ${quoted(dtype)}`);
  let product = 1n;
  for (const factor of [...shape, bits]) {
    product *= BigInt(factor);
    if (product >= 2n ** 64n) fail(`tensor ${quoted(name)}: its size overflows 64 bits`);
  }
  if (product % 8n !== 0n) fail(`tensor ${quoted(name)}: its size is no whole number of bytes`);
  return product / 8n;
}

/** Throws unless the tensors cover the data exactly: no hole, no overlap, no rest. */
function checkOffsets(entries: readonly TensorEntry[], dataBytes: number): void {
  let place = 0;
  for (const entry of [...entries].sort((a, b) => a.start - b.start || a.end - b.end)) {
    const { name, start, end } = entry;
    if (start !== place || end < start) {
      fail(`tensor ${quoted(name)} is at bytes ${start} to ${end} of the data, expected from ${place} on`);
    }
    const bytes = bytesOf(entry);
    if (bytes !== BigInt(end - start)) {
      fail(`tensor ${quoted(name)} has ${end - start} bytes, its shape and dtype need ${bytes}`);
    }
    place = end;
  }
  if (place !== dataBytes) fail(`the tensors have ${place} bytes, the file's data ${dataBytes}`);
}

/**
 * Reads and checks the header of a whole file.
 *
 * @throws FormatError if anything violates the format
 */
export function readHeader({ bytes: fileBytes, read }: SafetensorsSource): SafetensorsHeader {
  if (fileBytes < 8) fail(`the file has ${fileBytes} bytes, fewer than the 8 of the header's length`);
  const bytes = new Uint8Array(8);
  read(0, bytes);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(Math.min(fileBytes - 8, maximumHeaderBytes))) {
    fail(
      `the header should have ${length} bytes, but the file has ${fileBytes - 8} more, and ${maximumHeaderBytes} are allowed`,
    );
  }
  const dataStart = 8 + Number(length);
  let text: string;
  const encoded = new Uint8Array(Number(length));
  read(8, encoded);
  try {
    // Does not skip a byte order mark, because it is not `{`.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(encoded);
  } catch {
    fail("the header is not UTF-8");
  }
  if (text[0] !== "{") fail("the header does not begin with `{`");
  const scanner = new Scanner(text);
  const entries: TensorEntry[] = [];
  const metadata: Record<string, string> = Object.create(null);
  scanner.object((key) => {
    if (key !== "__metadata__") entries.push(scanEntry(scanner, key));
    else {
      scanner.object((name) => {
        metadata[name] = scanner.string();
      });
    }
  });
  scanner.end();
  checkOffsets(entries, fileBytes - dataStart);
  return { entries, metadata, dataStart };
}
