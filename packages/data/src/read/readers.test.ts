import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { DataError } from "../errors.ts";
import { placeOf } from "../rows.ts";
import { readIdx } from "./idx.ts";
import { readJson, readJsonLines } from "./json.ts";
import { columnOf } from "./number-array.ts";
import { readNpy, readNpz } from "./numpy.ts";
import { readParquet } from "./parquet.ts";
import { readRows } from "./read-rows.ts";

/** Written by pyarrow and NumPy. */
const fixture = (name: string) => new URL(`../../../../test/fixtures/data/${name}`, import.meta.url);
const folder = mkdtempSync(join(tmpdir(), "shardgrad-readers-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The one line with which a broken file is refused. */
async function refusal(read: Promise<unknown>): Promise<string> {
  const error = await read.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(DataError);
  expect((error as Error).message).not.toContain("\n");
  return (error as Error).message;
}

describe("a file above 2 GiB is refused in one line that says what to do:", () => {
  it.each([
    [
      "large.csv",
      /; save it as Parquet, such as by duckdb -c "COPY \(FROM '(\S+large)\.csv'\) TO '\1\.parquet'"$/,
    ],
    [
      "large.jsonl",
      /; save it as Parquet, such as by duckdb -c "COPY \(FROM '(\S+large)\.jsonl'\) TO '\1\.parquet'"$/,
    ],
    ["large.npy", /; read the rows of each step with rows\(\)$/],
    ["large.npz", /; split it$/],
  ])("%s", async (name, advice) => {
    const path = file(name, "");
    // Nothing but a size.
    truncateSync(path, 2 ** 31);
    const message = await refusal(readRows(path));
    expect(message).toContain("is larger than 2 GiB, which is the most that is read at once");
    expect(message).toMatch(advice);
  });
});

describe("JSON", () => {
  it("lines become columns; what some lack is missing, and lines are known", async () => {
    const rows = await readJsonLines(file("a.jsonl", '\ufeff{"a":1,"b":"x"}\r\n\n{"b":null,"c":true}\n'));
    expect(rows).toEqual({ a: [1, null], b: ["x", null], c: [null, true] });
    expect(placeOf(rows, 1)).toMatch(/a\.jsonl line 3$/);
  });

  it("an array of objects becomes columns", async () => {
    expect(await readRows(file("a.json", '[{"a":1},{"a":2}]'))).toEqual({ a: [1, 2] });
  });

  it.each([
    ["half.jsonl", '{"a":1}\n{"a":', "half.jsonl line 2 is no JSON: "],
    ["lists.jsonl", '{"a":1}\n[1]\n', "lists.jsonl line 2 is an array, expected an object such as"],
  ])("%s is refused", async (name, text, message) => {
    expect(await refusal(readJsonLines(file(name, text)))).toContain(message);
  });

  it.each([
    ["object.json", "{}", "object.json holds object, expected an array of objects"],
    ["numbers.json", "[1]", "row 0 is number, expected an object"],
    ["half.json", "[", "half.json is no JSON"],
  ])("%s is refused", async (name, text, message) => {
    expect(await refusal(readJson(file(name, text)))).toContain(message);
  });
});

describe("Parquet", () => {
  it.each(["flat-snappy.parquet", "flat-zstd.parquet"])(
    "%s: int64, decimals, dates, words and gaps",
    async (name) => {
      expect(await readParquet(fixture(name))).toEqual({
        id: [1, 2 ** 40, null],
        big: [1n, 2n ** 62n + 1n, 3n],
        small: [200, 0, 255],
        price: [1.25, -3.5, null],
        when: [new Date("2026-01-02T03:04:05.678Z"), null, new Date("1969-12-31")],
        day: [new Date("2026-01-02"), null, new Date("1969-12-31")],
        town: ["Köln", null, "Bonn"],
        ok: [true, false, null],
        size: [1.5, NaN, null],
      });
    },
  );

  it.each([
    ["nested-list.parquet", "column tags is nested (a list), expected flat columns of numbers and words"],
    ["nested-struct.parquet", "column at is nested (a struct), expected flat columns"],
  ])("%s is refused", async (name, message) => {
    expect(await refusal(readParquet(fixture(name)))).toContain(message);
  });

  it("a file that is none, and a part of one, are refused", async () => {
    const whole = readFileSync(fixture("flat-snappy.parquet"));
    for (const bytes of [
      new Uint8Array(0),
      Buffer.from("a,b\n1,2\n"),
      whole.subarray(0, 900),
      whole.subarray(300),
    ]) {
      expect(await refusal(readParquet(file("broken.parquet", bytes)))).toMatch(
        /broken\.parquet cannot be read: /,
      );
    }
  });
});

describe("NumPy", () => {
  it("reads int64, booleans, float16 and column-major arrays", async () => {
    expect(await readNpy(fixture("int64.npy"))).toEqual({
      data: BigInt64Array.of(1n, -2n, 2n ** 40n),
      shape: [3],
    });
    expect(await readNpy(fixture("bool.npy"))).toEqual({ data: Uint8Array.of(1, 0), shape: [2] });
    expect(await readNpy(fixture("float16-columns.npy"))).toEqual({
      data: Float32Array.of(1, 2, 3, 4, 5, 6.5),
      shape: [2, 3],
    });
    const cube = await readNpy(fixture("fortran.npy"));
    expect(cube).toEqual({ data: Int32Array.from({ length: 24 }, (_, i) => i), shape: [2, 3, 4] });
    expect(columnOf(cube).shape).toEqual([3, 4]);
  });

  it("reads .npz files by name", async () => {
    expect(await readNpz(fixture("two.npz"))).toEqual({
      x: { data: Float32Array.of(0, 0.5, 1, 1.5, 2, 2.5), shape: [3, 2] },
      y: { data: BigInt64Array.of(0n, 1n, 1n), shape: [3] },
    });
    expect(await readRows(fixture("two.npz"))).toEqual({
      x1: [0, 1, 2],
      x2: [0.5, 1.5, 2.5],
      y: BigInt64Array.of(0n, 1n, 1n),
    });
  });

  it.each([
    ["words.npy", "holds '<U1', expected numbers in little-endian order"],
    ["records.npy", "holds records of several fields, expected plain numbers"],
    ["big-endian.npy", "holds '>f8', expected numbers in little-endian order"],
    ["two.npz", "is no .npy file"],
  ])("%s is refused as .npy", async (name, message) => {
    expect(await refusal(readNpy(fixture(name)))).toContain(message);
  });

  it("files that are not whole are refused", async () => {
    const whole = readFileSync(fixture("int64.npy"));
    expect(await refusal(readNpy(file("cut.npy", whole.subarray(0, 144))))).toContain(
      "holds 2 numbers, expected 3 for shape [3]; it is not whole",
    );
    expect(await refusal(readNpy(file("odd.npy", whole.subarray(0, 141))))).toContain("is not whole");
    expect(await refusal(readNpy(file("head.npy", whole.subarray(0, 8))))).toContain(
      "has a header that cannot be read",
    );
    expect(
      await refusal(readNpz(file("cut.npz", readFileSync(fixture("two.npz")).subarray(0, 200)))),
    ).toContain("cut.npz cannot be unpacked");
    expect(await refusal(readRows(fixture("fortran.npy")))).toContain(
      "has shape [2,3,4], expected one or two dimensions",
    );
  });
});

describe("IDX", () => {
  const images = Buffer.from([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 254, 255]);

  it("reads bytes, packed or not, and big-endian numbers", async () => {
    const expected = { data: Uint8Array.of(1, 2, 254, 255), shape: [2, 1, 2] };
    expect(await readIdx(file("images-idx3-ubyte", images))).toEqual(expected);
    expect(await readIdx(file("images-idx3-ubyte.gz", gzipSync(images)))).toEqual(expected);
    const floats = Buffer.from([0, 0, 13, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0]);
    expect(await readIdx(file("floats", floats))).toEqual({ data: Float32Array.of(1.5), shape: [1] });
    const shorts = Buffer.from([0, 0, 11, 1, 0, 0, 0, 2, 255, 254, 1, 0]);
    expect(await readIdx(file("shorts", shorts))).toEqual({ data: Int32Array.of(-2, 256), shape: [2] });
  });

  it("files that are none, or not whole, are refused", async () => {
    expect(await refusal(readIdx(file("text", "a,b\n1,2\n")))).toContain(
      "is no IDX file: it begins with 97 44 98 10",
    );
    expect(await refusal(readIdx(file("packed", gzipSync(images))))).toContain(
      "it is packed: let its name end in .gz",
    );
    expect(await refusal(readIdx(file("cut", images.subarray(0, 18))))).toContain(
      "holds 2 bytes, expected 4 for shape [2,1,2]; it is not whole",
    );
    expect(await refusal(readIdx(file("head", images.subarray(0, 6))))).toContain("is not whole");
    expect(await refusal(readIdx(file("no.gz", images)))).toContain("no.gz cannot be unpacked");
  });
});

describe("readRows", () => {
  it("goes by the ending, also of packed files, or by `format`", async () => {
    const expected = { a: ["1"], b: ["2"] };
    expect(await readRows(file("t.csv", "a,b\n1,2\n"))).toEqual(expected);
    expect(await readRows(file("t.TSV", "a\tb\n1\t2\n"))).toEqual(expected);
    expect(await readRows(file("t.csv.gz", gzipSync("a,b\n1,2\n")))).toEqual(expected);
    expect(await readRows(file("t.data", "a,b\n1,2\n"), { format: "csv" })).toEqual(expected);
  });

  it("refuses what it does not know", async () => {
    expect(await refusal(readRows("t.xlsx"))).toContain(
      "t.xlsx: the ending .xlsx is unknown, expected one of csv, tsv, jsonl, json, parquet, npy, npz",
    );
    expect(await refusal(readRows("t"))).toContain("t: the ending is absent");
    expect(await refusal(readRows("t.csv", { format: "xls" as "csv" }))).toContain("format is xls");
  });
});
