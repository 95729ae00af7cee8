// Inputs for fuzzing readSafetensors: valid files, files damaged in their bytes or in their header, and headers
// assembled from likely and unlikely pieces. Used by the tests and by fuzz-safetensors.ts.
import fc from "fast-check";
import { bits, readable } from "./safetensors-judge.ts";

/** A tensor as the format sees it. */
export interface Piece {
  name: string;
  dtype: string;
  shape: number[];
  data: Uint8Array;
}

export interface File {
  /** In the order of the data; the header lists them in the order of `places`. */
  pieces: Piece[];
  places: number[];
  metadata: [string, string][] | undefined;
  padding: number;
}

const text = fc.oneof(
  fc.constantFrom(
    "w",
    "",
    "__proto__",
    "constructor",
    "toJSON",
    "0",
    "7",
    'a"b\\c\n',
    "é€😀",
    "layers.0.weight",
  ),
  fc.string({ unit: "binary", maxLength: 6 }),
);

const piece: fc.Arbitrary<Piece> = fc
  .record({
    name: text.filter((name) => name !== "__metadata__"),
    dtype: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(...readable) },
      fc.constantFrom(...Object.keys(bits)),
    ),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
    seed: fc.nat(255),
  })
  .map(({ name, dtype, shape, seed }) => {
    const count = shape.reduce((product, length) => product * length, 1);
    const bytes = Math.ceil((count * bits[dtype]!) / 8);
    // Integers fit int32.
    const mask = (i: number) => {
      if (dtype === "U32") return i % 4 === 3 ? 0x7f : 0xff;
      if (dtype === "I64" || dtype === "U64") return i % 8 < 3 ? 0xff : 0;
      return 0xff;
    };
    const data = Uint8Array.from({ length: bytes }, (_, i) => (i * 37 + seed) & mask(i));
    return { name, dtype, shape, data };
  })
  .filter(({ shape, dtype, data }) => shape.reduce((a, b) => a * b, bits[dtype]!) === data.length * 8);

export const file: fc.Arbitrary<File> = fc.record({
  pieces: fc.uniqueArray(piece, { maxLength: 5, selector: ({ name }) => name }),
  places: fc.array(fc.nat(), { minLength: 5, maxLength: 5 }),
  metadata: fc.option(fc.uniqueArray(fc.tuple(text, text), { maxLength: 3, selector: ([key]) => key }), {
    nil: undefined,
  }),
  padding: fc.nat(9),
});

/** The fields of a header's text, each as `"key":value`. */
function fieldsOf({ pieces, places, metadata }: File): string[] {
  let end = 0;
  const fields = pieces.map(({ name, dtype, shape, data }) => {
    const start = end;
    end += data.length;
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [start, end] })}`;
  });
  const order = fields.map((_, i) => i).sort((a, b) => places[a]! - places[b]! || a - b);
  const own = metadata?.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`);
  return [...(own ? [`"__metadata__":{${own}}`] : []), ...order.map((i) => fields[i]!)];
}

function headerOf(source: File, fields = fieldsOf(source)): string {
  return `{${fields}}${" ".repeat(source.padding)}`;
}

/** A file of a header and data; by default with the right header length. */
function assemble(header: string | Uint8Array, pieces: readonly Piece[], length?: bigint): Uint8Array {
  const head = typeof header === "string" ? new TextEncoder().encode(header) : header;
  const start = new Uint8Array(8);
  new DataView(start.buffer).setBigUint64(0, length ?? BigInt(head.length), true);
  return Uint8Array.from([start, head, ...pieces.map(({ data }) => data)].flatMap((part) => [...part]));
}

export function bytesOf(source: File): Uint8Array {
  return assemble(headerOf(source), source.pieces);
}

const number = fc.oneof(
  fc.nat(64).map(String),
  fc.constantFrom("-1", "1.5", "1e1", "01", "4294967296", "9007199254740991", "9007199254740992"),
  fc.constantFrom(
    "18446744073709551615",
    "18446744073709551616",
    "4611686018427387904",
    "null",
    '"1"',
    "[]",
    "-0",
  ),
);
const junk = fc.oneof(
  number,
  fc.constantFrom(
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    " ",
    "\n",
    "\t",
    "\0",
    "\ufeff",
    "\ud800",
    "null",
    "true",
  ),
  fc.constantFrom(
    '"\\ud800"',
    '"\\u0000"',
    '"\\x"',
    '"shape"',
    '"dtype"',
    '"data_offsets"',
    '"__metadata__":{}',
    '"a":1',
  ),
  fc.constantFrom(
    '"F32"',
    '"F33"',
    '"f32"',
    '"F4"',
    '"C64"',
    '"toString"',
    '"__proto__":{"dtype":"U8"}',
    "{}",
    "[[[[",
  ),
);
const length = fc.constantFrom(
  0n,
  1n,
  7n,
  8n,
  99_999_999n,
  100_000_000n,
  100_000_001n,
  2n ** 32n,
  2n ** 53n,
  2n ** 64n - 1n,
);

/** Valid files with something wrong, or at least different, in the header's text. */
const damagedHeader = fc
  .tuple(
    file,
    fc.array(fc.tuple(fc.nat(9), fc.nat(), fc.nat(12), junk, number), { minLength: 1, maxLength: 3 }),
  )
  .map(([source, changes]) => {
    const fields = fieldsOf(source);
    let header = headerOf(source, fields);
    for (const [kind, place, count, piece, value] of changes) {
      const at = place % (header.length + 1);
      if (kind === 0 && fields.length > 0)
        header = headerOf(source, [...fields, fields[place % fields.length]!]);
      else if (kind <= 2) header = header.slice(0, at) + piece + header.slice(at);
      else if (kind === 3) header = header.slice(0, at) + header.slice(at + count);
      else if (kind === 4) header = header.slice(0, at) + piece + header.slice(at + count);
      else if (kind === 5) header = header.replace(/"[A-Z][A-Z0-9_]*"/, piece);
      else {
        // One of the numbers: of a shape, or an offset.
        const numbers = [...header.matchAll(/\d+/g)];
        const { index, 0: digits } = numbers[place % Math.max(1, numbers.length)] ?? { index: 0, 0: "" };
        header = header.slice(0, index) + value + header.slice(index + digits.length);
      }
    }
    return assemble(header, source.pieces);
  });

/** Valid files with bytes changed, added or cut off, or with another header length. */
const damagedBytes = fc
  .tuple(file, fc.array(fc.tuple(fc.nat(5), fc.nat(), fc.nat(255), length), { minLength: 1, maxLength: 3 }))
  .map(([source, changes]) => {
    let bytes = bytesOf(source);
    for (const [kind, place, value, headerLength] of changes) {
      const at = place % (bytes.length + 1);
      if (kind === 0) bytes = bytes.slice(0, at);
      else if (kind === 1) bytes = Uint8Array.from([...bytes, ...new Uint8Array(value % 17)]);
      else if (kind === 2 && bytes.length >= 8)
        new DataView(bytes.buffer).setBigUint64(0, headerLength, true);
      else if (kind === 3) bytes = Uint8Array.from([...bytes.slice(0, at), value, ...bytes.slice(at)]);
      else if (at < bytes.length) bytes[at] = kind === 4 ? value : bytes[at]! ^ (1 << (value % 8));
    }
    return bytes;
  });

/** Headers of fields that need not match the data or each other. */
const builtHeader = fc
  .record({
    entries: fc.array(
      fc.record({
        name: fc.oneof(text, fc.constant("__metadata__")),
        dtype: fc.oneof(fc.constantFrom(...Object.keys(bits)), text),
        shape: fc.array(fc.oneof({ weight: 4, arbitrary: fc.nat(4).map(String) }, number), { maxLength: 4 }),
        start: fc.nat(8),
        bytes: fc.nat(16),
      }),
      { maxLength: 4 },
    ),
    fits: fc.boolean(),
    data: fc.nat(64),
  })
  .map(({ entries, fits, data }) => {
    let end = 0;
    const fields = entries.map(({ name, dtype, shape, start, bytes }) => {
      const size = shape.reduce((product, factor) => product * Number(factor), bits[dtype] ?? 8) / 8;
      const from = fits ? end : start;
      end = from + (fits ? size : bytes);
      return `${JSON.stringify(name)}:{"dtype":${JSON.stringify(dtype)},"shape":[${shape}],"data_offsets":[${from},${end}]}`;
    });
    const bytes = fits && end < 1000 ? Math.max(0, Math.floor(end) || 0) : data;
    return assemble(`{${fields}}`, [{ name: "", dtype: "U8", shape: [], data: new Uint8Array(bytes) }]);
  });

export const hostile = fc.oneof(damagedHeader, damagedBytes, builtHeader, fc.uint8Array({ maxLength: 64 }));
