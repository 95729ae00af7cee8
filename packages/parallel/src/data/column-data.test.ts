// What a column accepts: integers of any type if they fit int32. For anything else, an error whose advice works.
import { ones } from "@shardgrad/core";
import { describe, expect, test } from "vitest";
import { JobError } from "../errors.ts";
import { storable } from "./column-data.ts";
import { checkColumns } from "./columns.ts";

describe("integers of any kind become int32, exactly", () => {
  test.each([
    [BigInt64Array.of(1n, -2n, 2147483647n), [1, -2, 2147483647]],
    [BigUint64Array.of(3n), [3]],
    [Int8Array.of(-128), [-128]],
    [Int16Array.of(-32768), [-32768]],
    [Uint16Array.of(65535), [65535]],
    [Uint32Array.of(7), [7]],
  ])("%o", (data, expected) => {
    const stored = storable("train column y", data, 1);
    expect(stored).toBeInstanceOf(Int32Array);
    expect([...stored]).toEqual(expected);
  });

  test.each([
    BigInt64Array.of(1n, 2n, 2147483648n, 0n),
    BigUint64Array.of(1n, 2n, 18446744073709551615n, 0n),
    Uint32Array.of(1, 2, 4294967295, 0),
  ])("the first that int32 does not hold is named, with its sample: %o", (data) => {
    expect(() => storable("train column y", data, 2)).toThrow(JobError);
    expect(() => storable("train column y", data, 2)).toThrow(
      `train column y has ${data[2]} in sample 1, expected integers from -2147483648 to 2147483647`,
    );
  });

  test("bytes of a canvas are bytes", () => {
    const bytes = Uint8ClampedArray.of(1, 255);
    expect(storable("x", bytes, 1)).toEqual(Uint8Array.of(1, 255));
  });
});

/** Follows the advice in the error. */
function follow(data: unknown): unknown {
  let message = "";
  try {
    storable("train column x", data, 1);
  } catch (error) {
    message = (error as Error).message;
  }
  const advice = /; write (.*?)(, or Int32Array.*)?$/.exec(message)?.[1];
  expect(advice, message).toBeDefined();
  return new Function("data", `return (${advice})`)(data);
}

describe("the advice of the error can be followed literally", () => {
  test.each<[string, unknown, unknown]>([
    ["numbers", [1, 2], Float32Array.of(1, 2)],
    ["booleans", [true, false], Float32Array.of(1, 0)],
    ["bigints", [1n, 2n], Float32Array.of(1, 2)],
    ["float64", Float64Array.of(0.5), Float32Array.of(0.5)],
    [
      "rows",
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      { data: Float32Array.of(1, 2, 3, 4, 5, 6), shape: [2] },
    ],
    [
      "rows of rows",
      [
        [[1], [2]],
        [[3], [4]],
      ],
      { data: Float32Array.of(1, 2, 3, 4), shape: [2, 1] },
    ],
    ["rows of bigints", [[1n], [2n]], { data: Float32Array.of(1, 2), shape: [1] }],
    [
      "rows in typed arrays",
      [Float64Array.of(1, 2), Float64Array.of(3, 4)],
      { data: Float32Array.of(1, 2, 3, 4), shape: [2] },
    ],
    ["a tensor", ones([2, 3]), { data: new Float32Array(6).fill(1), shape: [3] }],
    ["a tensor of float64", ones([2], { dtype: "float64" }), { data: Float32Array.of(1, 1), shape: [] }],
  ])("%s", (_, data, expected) => {
    const better = follow(data);
    expect(better).toEqual(expected);
    expect(() => checkColumns("train", { x: better as Float32Array })).not.toThrow();
  });
});

test.each<[string, unknown, string]>([
  [
    "rows of several lengths",
    [[1, 2], [3]],
    "row 0 has 2 numbers and row 1 1; make all samples equally long",
  ],
  [
    "names of classes",
    ["cat", "dog"],
    'begins with "cat"; make numbers of it: names of classes become integers',
  ],
  ["nothing", [], "an array of 0 that begins with undefined"],
  ["a number", 3, "is of type Number, expected a Float32Array"],
  ["text", "1,2", "is of type String, expected a Float32Array"],
])("%s: what to do", (_, data, message) => {
  expect(() => storable("train column x", data, 1)).toThrow(message);
});

test.each<[object, string]>([
  [
    { data: new Float32Array(2), dtype: "int32" },
    'train column x: there is no part "dtype": it is that of the data',
  ],
  [{ data: new Float32Array(2), shpae: [2] }, 'there is no part "shpae"; did you mean shape?'],
  [{ values: new Float32Array(2) }, 'there is no part "values"; there are data, shape, scale, shift'],
])("a part of a column that does not exist: %j", (column, message) => {
  expect(() => checkColumns("train", { x: column as never })).toThrow(message);
});
