// The bytes of a safetensors file, read here by hand as the format's description says.
import { expect, test } from "vitest";
import { ValueError } from "../errors.ts";
import { Linear } from "../nn/linear.ts";
import { ones, tensor, zeros } from "../ops/create/create.ts";
import type { Tensor } from "../tensor.ts";
import { writeSafetensors } from "./safetensors.ts";

interface Entry {
  name: string;
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

/** Reads a file and checks all that the format promises: length, padding, offsets without gap or overlap. */
function parse(file: Uint8Array): { metadata: unknown; entries: Entry[] } {
  const headerLength = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const text = new TextDecoder("utf-8", { fatal: true }).decode(file.subarray(8, 8 + headerLength));
  expect(headerLength % 8).toBe(0);
  expect(text).toMatch(/^\{.*\} {0,7}$/);
  const { __metadata__: metadata, ...tensors } = JSON.parse(text);
  const data = file.subarray(8 + headerLength);
  const list = Object.keys(tensors).map((name) => ({
    name,
    ...Object.getOwnPropertyDescriptor(tensors, name)!.value,
  }));
  list.sort((a, b) => a.data_offsets[0] - b.data_offsets[0] || a.data_offsets[1] - b.data_offsets[1]);
  let end = 0;
  const entries = list.map(({ name, dtype, shape, data_offsets: [from, to] }): Entry => {
    expect(from).toBe(end);
    end = to;
    return { name, dtype, shape, bytes: data.subarray(from, to) };
  });
  expect(end).toBe(data.length);
  return { metadata, entries };
}

const little = (write: (view: DataView) => void, bytes: number) => {
  const view = new DataView(new ArrayBuffer(bytes));
  write(view);
  return [...new Uint8Array(view.buffer)];
};

const cases: [what: string, x: () => Tensor, dtype: string, shape: number[], bytes: number[]][] = [
  ["float32", () => tensor([[1.5], [-2]]), "F32", [2, 1], [0, 0, 0xc0, 0x3f, 0, 0, 0, 0xc0]],
  [
    "float64",
    () => tensor([0.1], { dtype: "float64" }),
    "F64",
    [1],
    little((v) => v.setFloat64(0, 0.1, true), 8),
  ],
  ["int32", () => tensor([-2, 258], { dtype: "int32" }), "I32", [2], [0xfe, 0xff, 0xff, 0xff, 2, 1, 0, 0]],
  ["uint8", () => tensor([7, 255, 0], { dtype: "uint8" }), "U8", [3], [7, 255, 0]],
  ["a scalar", () => tensor(1), "F32", [], [0, 0, 0x80, 0x3f]],
  ["an empty tensor", () => zeros([3, 0]), "F32", [3, 0], []],
  [
    "a view",
    () =>
      tensor(
        [
          [1, 2],
          [3, 4],
        ],
        { dtype: "uint8" },
      ).view([2, 2], [1, 2]),
    "U8",
    [2, 2],
    [1, 3, 2, 4],
  ],
];

test.each(cases)("%s", (_what, x, dtype, shape, bytes) => {
  const { entries, metadata } = parse(writeSafetensors([["x", x()]]));
  expect(metadata).toBeUndefined();
  expect(entries.map((entry) => ({ ...entry, bytes: [...entry.bytes] }))).toEqual([
    { name: "x", dtype, shape, bytes },
  ]);
});

test("several tensors lie one after another, those with the largest elements first, whatever their names", () => {
  const names = cases.map(
    (_, i) => ["weight", "10", "2", "__proto__", "constructor", 'ü "quoted"\n', ""][i]!,
  );
  const file = writeSafetensors(cases.map(([, x], i) => [names[i]!, x()] as const));
  const entries = parse(file).entries.map(({ name, bytes }) => [name, [...bytes]]);
  // An empty tensor sorts before its neighbour: they begin at the same offset.
  expect(new Map(entries as [string, number[]][])).toEqual(
    new Map(cases.map((row, i) => [names[i]!, row[4]])),
  );
  const width = (dtype: string) => ({ F64: 8, F32: 4, I32: 4, U8: 1 })[dtype]!;
  const sorted = cases.toSorted((a, b) => width(b[2]) - width(a[2]));
  expect(parse(file).entries.flatMap(({ bytes }) => [...bytes])).toEqual(sorted.flatMap((row) => row[4]));
});

test.each(Array.from({ length: 9 }, (_, i) => "n".repeat(i)))(
  "the header is padded for the name %j",
  (name) => {
    expect(parse(writeSafetensors([[name, ones([1])]])).entries).toMatchObject([{ name, shape: [1] }]);
  },
);

test("an iterable is enough, and so is nothing", () => {
  expect(parse(writeSafetensors(new Map([["a", ones([2])]]))).entries).toHaveLength(1);
  expect(parse(writeSafetensors({ a: ones([2]), b: ones([1]) })).entries).toHaveLength(2);
  expect(parse(writeSafetensors({}))).toEqual({ metadata: undefined, entries: [] });
  expect(parse(writeSafetensors([]))).toEqual({ metadata: undefined, entries: [] });
});

test("metadata stands beside the tensors", () => {
  const metadata = JSON.parse('{"step":"812","ключ":"значение\\u0000","__proto__":"own"}');
  const parsed = parse(writeSafetensors([["x", ones([1])]], metadata)).metadata;
  expect(JSON.stringify(parsed)).toBe(JSON.stringify(metadata));
});

test.each<[message: string, list: unknown]>([
  [
    "writeSafetensors: got a Linear, expected tensors by name, as in a Map; pass model.stateDict()",
    new Linear(1, 1),
  ],
  ["writeSafetensors: got a Tensor, expected tensors by name", ones([1])],
  ["writeSafetensors: got undefined, expected tensors by name", undefined],
  ['writeSafetensors: got "", expected tensors by name', ""],
  ["writeSafetensors: got a Float32Array, expected tensors by name", new Float32Array()],
  ["writeSafetensors: got a Tensor as entry 0, expected", [ones([1])]],
  ['writeSafetensors: got an array for "x", expected', { x: [1, 2] }],
  ['writeSafetensors: got undefined for "x", expected', new Map([["x", undefined]])],
  ['writeSafetensors: the name "__metadata__" is reserved', [["__metadata__", ones([1])]]],
  [
    'writeSafetensors: the name "x" is reserved or used twice',
    [
      ["x", ones([1])],
      ["x", ones([2])],
    ],
  ],
])("%s", (message, list) => {
  expect(() => writeSafetensors(list as [])).toThrow(ValueError);
  expect(() => writeSafetensors(list as [])).toThrow(message);
});
