// Reading safetensors: what was written, to the bit; every dtype; every rule of the format, broken by hand. Also a
// short fuzz (scripts/fuzz-safetensors.ts is the long one), and the format's own library where it is installed.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { File } from "../../scripts/safetensors-inputs.ts";
import { bytesOf, file, hostile } from "../../scripts/safetensors-inputs.ts";
import { check, judge } from "../../scripts/safetensors-judge.ts";
import type { DType } from "../dtype.ts";
import { typedArrayOf } from "../dtype.ts";
import { DTypeError, FormatError, ValueError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { tensor } from "../ops/create/create.ts";
import { transpose } from "../ops/shape/shape.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { readSafetensors, safetensorsParts, writeSafetensors } from "./safetensors.ts";

const bytesOfTensor = (x: Tensor) => Array.from(new Uint8Array(x.toArray().buffer));
const summary = (x: Tensor) => [x.dtype, [...x.shape], bytesOfTensor(x)];

/** A file with this header, padded as told, and so much data. */
function withHeader(header: string, dataBytes = 0): Uint8Array {
  const text = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const dtypes: DType[] = ["float32", "float64", "int32", "uint8"];
const tensors = fc.array(
  fc.record({
    name: fc.oneof(
      fc.constantFrom("__proto__", "constructor", "1", "", 'é"\\\n😀'),
      fc.string({ unit: "binary" }),
    ),
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat(3), { maxLength: 4 }),
    bytes: fc.uint8Array({ minLength: 648, maxLength: 648 }),
  }),
  { maxLength: 6 },
);
const metadata = fc.option(fc.dictionary(fc.string({ unit: "binary" }), fc.string({ unit: "binary" })), {
  nil: undefined,
});

describe("what is written", () => {
  test("is valid, and read again, to the bit, in its order", () => {
    fc.assert(
      fc.property(tensors, metadata, (rows, metadata) => {
        scope(() => {
          const unique = [...new Map(rows.map((row) => [row.name, row])).values()];
          const entries = unique.map(({ name, dtype, shape, bytes }) => {
            const count = shape.reduce((a, b) => a * b, 1);
            const data = new typedArrayOf[dtype](bytes.slice().buffer, 0, count);
            return [name, tensor(data, { shape, dtype })] as const;
          });
          const bytes = writeSafetensors(entries, metadata);
          expect(judge(bytes)).toBe("valid");
          const found = readSafetensors(bytes);
          const order = Object.keys(Object.fromEntries(entries));
          expect([...found.tensors.keys()]).toEqual(order);
          for (const [name, x] of entries) expect(summary(found.tensors.get(name)!)).toEqual(summary(x));
          expect(Object.entries(found.metadata)).toEqual(Object.entries({ ...metadata }));
        });
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  test("has its data at a multiple of 8, and tensors at multiples of their elements' size", () => {
    const pairs = (["uint8", "float32", "uint8", "float64", "int32"] as const).map(
      (dtype, i) => [`t${i}`, tensor([1, 2, 3].slice(i % 2), { dtype })] as const,
    );
    const bytes = writeSafetensors(pairs, { key: "value" });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.slice(8, 8 + length)));
    expect((8 + length) % 8).toBe(0);
    expect(Object.keys(header)).toEqual(["__metadata__", "t0", "t1", "t2", "t3", "t4"]);
    expect(pairs.map(([name]) => header[name].data_offsets)).toEqual([
      [36, 39],
      [16, 24],
      [39, 42],
      [0, 16],
      [24, 36],
    ]);
  });

  test("of a view are its elements", () => {
    const x = transpose(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    const { tensors } = readSafetensors(writeSafetensors([["x", x]]));
    expect(Array.from(tensors.get("x")!.toArray())).toEqual([1, 4, 2, 5, 3, 6]);
  });

  test.each<[message: RegExp, entries: [string, Tensor][], metadata?: Record<string, string>]>([
    [/the name "__metadata__" is reserved or used twice/, [["__metadata__", tensor(1)]]],
    [
      /the name "a" is reserved or used twice/,
      [
        ["a", tensor(1)],
        ["a", tensor(2)],
      ],
    ],
    [/a tensor's name is "\\ud800", expected a string of valid Unicode/, [["\ud800", tensor(1)]]],
    [/a key of the metadata is "\\udfff"/, [], { "\udfff": "x" }],
    [/the metadata of "epoch" is number, expected a string/, [], { epoch: 3 } as never],
    [/the header has \d+ bytes, expected at most 100000000/, [], { long: "x".repeat(100_000_000) }],
  ])("is not, with %s", (message, entries, metadata) => {
    expect(() => writeSafetensors(entries, metadata)).toThrow(ValueError);
    expect(() => writeSafetensors(entries, metadata)).toThrow(message);
  });
});

describe("reads", () => {
  const read = (dtype: string, shape: number[], data: Uint8Array) => {
    const header = JSON.stringify({ x: { dtype, shape, data_offsets: [0, data.length] } });
    const bytes = withHeader(header, data.length);
    bytes.set(data, bytes.length - data.length);
    return readSafetensors(bytes).tensors.get("x")!;
  };
  const from = (array: ArrayBufferView) => new Uint8Array(array.buffer);
  const halves = Uint16Array.from({ length: 65536 }, (_, i) => i);

  test("every F16, infinities, subnormals and NaN included", () => {
    const view = new DataView(halves.buffer);
    const value = (i: number) => {
      const [sign, exponent, fraction] = [i >> 15 ? -1 : 1, (i >> 10) & 31, i & 1023];
      if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
      return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
    };
    const expected = Float32Array.from({ length: 65536 }, (_, i) => value(view.getUint16(2 * i, true)));
    const x = read("F16", [256, 256], from(halves));
    expect(x.dtype).toBe("float32");
    expect(x.data().every((found, i) => Object.is(found, expected[i]!))).toBe(true);
  });

  test("every BF16, to the bit", () => {
    const x = read("BF16", [65536], from(halves));
    const words = new Uint32Array(x.toArray().buffer as ArrayBuffer);
    expect(words.every((word, i) => word === i * 65536)).toBe(true);
  });

  test.each<[dtype: string, array: ArrayBufferView & { length: number }, values: number[]]>([
    ["BOOL", Uint8Array.of(0, 1), [0, 1]],
    ["I8", Int8Array.of(-128, 127), [-128, 127]],
    ["I16", Int16Array.of(-32768, 32767), [-32768, 32767]],
    ["U16", Uint16Array.of(0, 65535), [0, 65535]],
    ["U32", Uint32Array.of(0, 2 ** 31 - 1), [0, 2 ** 31 - 1]],
    ["I64", BigInt64Array.of(-(2n ** 31n), 2n ** 31n - 1n), [-(2 ** 31), 2 ** 31 - 1]],
    ["U64", BigUint64Array.of(0n, 2n ** 31n - 1n), [0, 2 ** 31 - 1]],
  ])("%s as int32", (dtype, array, values) => {
    const x = read(dtype, [array.length], from(array));
    expect([x.dtype, Array.from(x.toArray())]).toEqual(["int32", values]);
  });

  test.each<[dtype: string, data: Uint8Array, message: RegExp]>([
    [
      "U32",
      from(Uint32Array.of(1, 2 ** 31)),
      /"x" is U32 with 2147483648 at element 1, which int32 cannot hold/,
    ],
    ["I64", from(BigInt64Array.of(-(2n ** 31n) - 1n, 0n)), /I64 with -2147483649 at element 0/],
    ["U64", from(BigUint64Array.of(0n, 2n ** 63n)), /U64 with 9223372036854775808 at element 1/],
    ["C64", new Uint8Array(16), /"x" is C64, expected one of F32, F64/],
    ["F8_E4M3", new Uint8Array(2), /"x" is F8_E4M3, expected one of/],
    ["F4", new Uint8Array(1), /"x" is F4, expected one of/],
  ])("no %s that does not fit", (dtype, data, message) => {
    const { live } = heap().arena;
    expect(() => read(dtype, [2], data)).toThrow(DTypeError);
    expect(() => read(dtype, [2], data)).toThrow(message);
    expect(heap().arena.live).toBe(live);
  });

  test("any valid file: any order, padding and place of the tensors, also as part of shared memory", () => {
    const arrays: Record<string, (bytes: Uint8Array) => number[]> = {
      F64: (bytes) => [...new Float64Array(bytes.slice().buffer)],
      F32: (bytes) => [...new Float32Array(bytes.slice().buffer)],
      I32: (bytes) => [...new Int32Array(bytes.slice().buffer)],
      U8: (bytes) => [...bytes],
    };
    const holds = (source: File) => {
      const bytes = bytesOf(source);
      const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 3), 3);
      shared.set(bytes);
      if (judge(bytes) !== "valid") return check(bytes);
      return scope(() => {
        const { tensors, metadata } = readSafetensors(shared);
        expect(tensors.size).toBe(source.pieces.length);
        for (const { name, dtype, shape, data } of source.pieces) {
          const x = tensors.get(name)!;
          expect(x.shape).toEqual(shape);
          if (arrays[dtype]) expect(Array.from(x.toArray())).toEqual(arrays[dtype](data));
        }
        expect(Object.entries(metadata).sort()).toEqual([...(source.metadata ?? [])].sort());
        return "valid";
      });
    };
    const ends = new Map<string, number>();
    fc.assert(
      fc.property(file, (source) => {
        const end = holds(source);
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }),
      { seed: 1, numRuns: 300 },
    );
    expect(ends.get("valid")).toBeGreaterThan(100);
    expect(ends.get("invalid")).toBeUndefined();
  });

  test("an empty file's worth: no tensors, no metadata", () => {
    const { tensors, metadata } = readSafetensors(withHeader("{}  "));
    expect([tensors.size, Object.keys(metadata), metadata.constructor]).toEqual([0, [], undefined]);
  });
});

describe("refuses", () => {
  const entry = (fields: string) => `{"x":{${fields}}}`;
  const x = '"x":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}';
  const y = (span: string, name = "y") => `"${name}":{"dtype":"U8","shape":[2],"data_offsets":[${span}]}`;
  const bytes = (...values: number[]) => Uint8Array.from(values);
  const withLength = (length: bigint, size: number) => {
    const file = new Uint8Array(size);
    new DataView(file.buffer).setBigUint64(0, length, true);
    return file;
  };

  test.each<[message: RegExp, file: Uint8Array]>([
    [/the file has 0 bytes, fewer than the 8/, bytes()],
    [/the file has 7 bytes/, bytes(0, 0, 0, 0, 0, 0, 0)],
    [/the header does not begin with `{`/, withLength(0n, 8)],
    [/the header should have 3 bytes, but the file has 2 more/, withLength(3n, 10)],
    [/18446744073709551615 bytes/, withLength(2n ** 64n - 1n, 10)],
    [/100000001 bytes, .* 100000000 are allowed/, withLength(100_000_001n, 100_000_020)],
    [/does not begin with `{`/, withHeader(" {}")],
    [/does not begin with `{`/, withHeader("\ufeff{}")],
    [/does not begin with `{`/, withHeader("[]")],
    [/not UTF-8/, withHeader("{}").map((byte, i) => (i === 8 ? 0xff : byte))],
    [/character 2: expected spaces, got "\\n"/, withHeader("{}\n")],
    [/character 2: expected spaces, got "\\u0000"/, withHeader("{}\0")],
    [/character 2: expected spaces, got "{}"/, withHeader("{}{}")],
    [/expected a string, got the end/, withHeader("{")],
    [/expected `}`, got the end/, withHeader(`{${x}`, 2)],
    [/character 1: expected a string/, withHeader("{x:1}")],
    [/a string does not end/, withHeader('{"x')],
    [/a string does not end/, withHeader('{"x\\"')],
    [/not valid JSON/, withHeader('{"\n":1}')],
    [/not valid JSON/, withHeader('{"\\x":1}')],
    [/not valid Unicode/, withHeader('{"\\ud800":1}')],
    [/expected `{`, got "1}"/, withHeader('{"x":1}')],
    [/expected a string, got "}"/, withHeader(`{${x},}`, 2)],
    [/the key "x" is there twice/, withHeader(`{${x},${x}}`, 2)],
    [/the key "x" is there twice/, withHeader(`{${x},${y("2,4", "\\u0078")}}`, 4)],
    [
      /the key "__proto__" is there twice/,
      withHeader(`{${y("0,2", "__proto__")},${y("0,2", "__proto__")}}`, 2),
    ],
    [/the key "__metadata__" is there twice/, withHeader('{"__metadata__":{},"__metadata__":{}}')],
    [/the key "a" is there twice/, withHeader('{"__metadata__":{"a":"1","a":"2"}}')],
    [/expected a string, got "1}}"/, withHeader('{"__metadata__":{"a":1}}')],
    [/expected `{`, got "null}"/, withHeader('{"__metadata__":null}')],
    [/the key "shape" is there twice/, withHeader(entry('"shape":[1],"shape":[2]'))],
    [/"x" needs dtype, shape and two data_offsets/, withHeader(entry('"shape":[2],"data_offsets":[0,2]'), 2)],
    [/"x" needs dtype, shape/, withHeader(entry('"dtype":"U8","data_offsets":[0,2]'), 2)],
    [/"x" needs dtype, shape/, withHeader(entry('"dtype":"U8","shape":[2],"data_offsets":[0]'), 2)],
    [/expected at most 2 numbers/, withHeader(entry('"data_offsets":[0,2,2]'), 2)],
    [/unknown field "strides"/, withHeader(entry('"dtype":"U8","strides":[1]'))],
    [/unknown dtype "U9"/, withHeader(entry('"dtype":"U9","shape":[2],"data_offsets":[0,2]'), 2)],
    [/unknown dtype "toString"/, withHeader(entry('"dtype":"toString","shape":[],"data_offsets":[0,0]'))],
    [/non-negative integer, got "-1/, withHeader(entry('"shape":[-1]'))],
    [/non-negative integer, got "\\"2/, withHeader(entry('"shape":["2"]'))],
    [/non-negative integer, got "]/, withHeader(entry('"shape":[2,]'))],
    [/expected `]`, got "\.0/, withHeader(entry('"shape":[2.0]'))],
    [/expected `]`, got "e1/, withHeader(entry('"shape":[2e1]'))],
    [/expected `]`, got "1]/, withHeader(entry('"shape":[01]'))],
    [/an integer below 2\^53, got "9007199254/, withHeader(entry('"shape":[9007199254740992]'))],
    [/an integer below 2\^53/, withHeader(entry(`"shape":[${"9".repeat(400)}]`))],
    [/at most 64 numbers/, withHeader(entry(`"shape":[${Array(65).fill(1)}]`))],
    [
      /size overflows 64 bits/,
      withHeader(entry('"dtype":"F64","shape":[4294967296,4294967296],"data_offsets":[0,0]')),
    ],
    [
      /size overflows 64 bits/,
      withHeader(entry('"dtype":"F32","shape":[1073741824,1073741824],"data_offsets":[0,0]')),
    ],
    [/no whole number of bytes/, withHeader(entry('"dtype":"F4","shape":[3],"data_offsets":[0,1]'), 1)],
    [
      /"x" has 3 bytes, its shape and dtype need 8/,
      withHeader(entry('"dtype":"F32","shape":[2],"data_offsets":[0,3]'), 3),
    ],
    [/"y" is at bytes 1 to 3 .*, expected from 2 on/, withHeader(`{${x},${y("1,3")}}`, 3)],
    [/"y" is at bytes 3 to 5/, withHeader(`{${x},${y("3,5")}}`, 5)],
    [/"y" is at bytes 0 to 2 .*, expected from 2/, withHeader(`{${x},${y("0,2")}}`, 2)],
    [
      /"x" is at bytes 1 to 3 .*, expected from 0/,
      withHeader(entry('"dtype":"U8","shape":[2],"data_offsets":[1,3]'), 3),
    ],
    [/"z" is at bytes 2 to 0/, withHeader(`{${x},${y("2,0", "z")}}`, 2)],
    [/the tensors have 2 bytes, the file's data 3/, withHeader(`{${x}}`, 3)],
    [/the tensors have 2 bytes, the file's data 1/, withHeader(`{${x}}`, 1)],
    [/the tensors have 0 bytes, the file's data 1/, withHeader("{}", 1)],
  ])("%s", (message, file) => {
    const { live } = heap().arena;
    expect(() => readSafetensors(file)).toThrow(FormatError);
    expect(() => readSafetensors(file)).toThrow(message);
    expect(heap().arena.live).toBe(live);
  });

  test("with messages of bounded length, however long the names", () => {
    const name = "n".repeat(100_000);
    for (const file of [withHeader(`{"${name}":1}`), withHeader(`{${y("1,3", name)}}`, 3)]) {
      expect(() => readSafetensors(file)).toThrow(
        expect.objectContaining({ message: expect.stringMatching(/^.{1,250}$/) }),
      );
    }
  });

  test("whatever is damaged or made up: a short fuzz", () => {
    const ends = new Map<string, number>();
    fc.assert(
      fc.property(hostile, (bytes) => {
        const end = check(bytes);
        ends.set(end, (ends.get(end) ?? 0) + 1);
      }),
      { seed: 1, numRuns: 5000 },
    );
    // All ends are reached, or the inputs are not what they should be.
    expect(ends.get("valid")).toBeGreaterThan(100);
    expect(ends.get("unreadable")).toBeGreaterThan(5);
    expect(ends.get("invalid")).toBeGreaterThan(3000);
  });
});

const python = (() => {
  try {
    execFileSync("python3", ["-c", "import numpy, safetensors.numpy"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!python)("Python's safetensors (skipped where python3 has no safetensors and numpy)", () => {
  const run = (code: string, path: string) =>
    execFileSync("python3", ["-c", code, path], { encoding: "utf8" });
  const inFile = <T>(use: (path: string) => T): T => {
    const directory = mkdtempSync(join(tmpdir(), "safetensors-"));
    try {
      return use(join(directory, "file.safetensors"));
    } finally {
      rmSync(directory, { recursive: true });
    }
  };

  test("reads what we write", () => {
    const code = `
import sys, json, hashlib
from safetensors import safe_open
with safe_open(sys.argv[1], "numpy") as f:
    print(json.dumps([f.metadata(), {k: [str(f.get_tensor(k).dtype), f.get_tensor(k).shape, f.get_tensor(k).flatten().tolist()] for k in f.keys()}]))`;
    const found = inFile((path) => {
      const entries = dtypes.map((dtype, i) => [`t.${dtype}`, tensor([[i, 1.5, 2]], { dtype })] as const);
      const more = [
        ["scalar", tensor(0.25)],
        ["empty", tensor([], { shape: [2, 0] })],
        ['é"\\', tensor([1])],
      ] as const;
      writeFileSync(path, writeSafetensors([...entries, ...more], { format: "pt", ключ: "значение" }));
      return JSON.parse(run(code, path));
    });
    expect(found).toEqual([
      { format: "pt", ключ: "значение" },
      {
        "t.float32": ["float32", [1, 3], [0, 1.5, 2]],
        "t.float64": ["float64", [1, 3], [1, 1.5, 2]],
        "t.int32": ["int32", [1, 3], [2, 1, 2]],
        "t.uint8": ["uint8", [1, 3], [3, 1, 2]],
        scalar: ["float32", [], [0.25]],
        empty: ["float32", [2, 0], []],
        'é"\\': ["float32", [1], [1]],
      },
    ]);
  });

  test("writes what we read", () => {
    const code = `
import sys, numpy as np
from safetensors.numpy import save_file
names = "float64 float32 float16 int64 int32 int16 int8 uint64 uint32 uint16 uint8 bool".split()
arrays = {n: np.array([[0, 1, 2], [3, 4, 5]]).astype(n) for n in names}
arrays["scalar"] = np.array(2.5, dtype=np.float32)
arrays["empty"] = np.zeros((3, 0), dtype=np.float32)
save_file(arrays, sys.argv[1], metadata={"a": "b"})`;
    const { tensors, metadata } = inFile((path) => {
      run(code, path);
      return readSafetensors(readFileSync(path));
    });
    const found = [...tensors].map(([name, x]) => [name, x.dtype, x.shape, Array.from(x.toArray())]);
    const ramp = [0, 1, 2, 3, 4, 5];
    const expected = [
      ["float64", "float64"],
      ...["float32", "float16"].map((name) => [name, "float32"]),
      ...["int64", "int32", "int16", "int8", "uint64", "uint32", "uint16"].map((name) => [name, "int32"]),
      ["uint8", "uint8"],
    ].map((pair) => [...pair, [2, 3], ramp]);
    expect(found.sort()).toEqual(
      [
        ...expected,
        ["bool", "int32", [2, 3], [0, 1, 1, 1, 1, 1]],
        ["scalar", "float32", [], [2.5]],
        ["empty", "float32", [3, 0], []],
      ].sort(),
    );
    expect({ ...metadata }).toEqual({ a: "b" });
  });
});

const bytesIn = (x: Tensor, from: number, to?: number) =>
  new Uint8Array(x.toArray().buffer).subarray(from, to);

test("a file is read and written part by part, without a copy of the whole", () => {
  const tensors = {
    a: tensor([1, 2, 3]),
    b: transpose(tensor([[1, 2]], { dtype: "float64" })),
    c: tensor([true]),
  };
  const whole = writeSafetensors(tensors, { by: "test" });
  const { bytes, parts } = safetensorsParts(tensors, { by: "test" });
  const written = [...parts()];
  expect(bytes).toBe(whole.length);
  expect(Buffer.concat(written)).toEqual(Buffer.from(whole));
  // The header, and each tensor.
  expect(written).toHaveLength(4);
  // The elements may be elsewhere, such as in a copy of the tensors.
  const elsewhere = safetensorsParts(tensors, { by: "test" }, (x) => [bytesIn(x, 0, 1), bytesIn(x, 1)]);
  expect(Buffer.concat([...elsewhere.parts()])).toEqual(Buffer.from(whole));
  let largest = 0;
  const read = (start: number, into: Uint8Array) => {
    largest = Math.max(largest, into.length);
    into.set(whole.subarray(start, start + into.length));
  };
  const found = readSafetensors({ bytes, read });
  const expected = readSafetensors(whole);
  expect(found.metadata).toEqual(expected.metadata);
  expect([...found.tensors.values()].map(summary)).toEqual([...expected.tensors.values()].map(summary));
  expect(largest).toBeLessThan(bytes - 24);
  expect(() => readSafetensors({ bytes: bytes - 1, read })).toThrow(FormatError);
});
