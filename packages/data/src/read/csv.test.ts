import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { DataError } from "../errors.ts";
import { placeOf } from "../rows.ts";
import type { CsvOptions } from "./csv.ts";
import { readCsv } from "./csv.ts";

const folder = mkdtempSync(join(tmpdir(), "shardgrad-csv-"));
afterAll(() => rmSync(folder, { recursive: true }));

const plain = { a: ["1", "3"], b: ["2", "4"] };

it.each<[string, string, CsvOptions, unknown]>([
  ["commas", "a,b\n1,2\n3,4\n", {}, plain],
  ["semicolons", "a;b\n1;2\n3;4", {}, plain],
  ["tabs", "a\tb\n1\t2\n3\t4", {}, plain],
  ["bars", "a|b\n1|2\n3|4", {}, plain],
  ["a delimiter of its own", "a:b\n1:2\n3:4", { delimiter: ":" }, plain],
  ["semicolons between decimal commas", "a;b\n1,5;2,5\n", {}, { a: ["1,5"], b: ["2,5"] }],
  ["a byte order mark, and Windows' lines", "\ufeffa,b\r\n1,2\r\n3,4\r\n", {}, plain],
  ["old Mac lines", "a,b\r1,2\r3,4", {}, plain],
  ["mixed lines, and empty ones", "a,b\r\n1,2\n\n\n3,4\r\n\r\n", {}, plain],
  ["spaces around values", "a , b\n 1,2 \n3 , 4", {}, plain],
  ["quotes", 'a,"b, c"\n"say ""hi""","x\ny"\n', {}, { a: ['say "hi"'], "b, c": ["x\ny"] }],
  ["quotes that are plain characters", 'a,b\n5",6\n', { quote: false }, { a: ['5"'], b: ["6"] }],
  ["comments", "# from 2026\na,b\n1,2\n#3,4\n3,4", { comment: "#" }, plain],
  ["no header", "1,2\n3,4\n", { header: false }, { column1: ["1", "3"], column2: ["2", "4"] }],
  ["names of its own", "1,2\n3,4\n", { header: ["a", "b"] }, plain],
  ["a header of whole numbers", "0,1\n5,6\n", {}, { 0: ["5"], 1: ["6"] }],
  ["a column without a name", ",b\n1,2\n", {}, { column1: ["1"], b: ["2"] }],
  ["one column", "a\n1\n3\n", {}, { a: ["1", "3"] }],
  ["no rows", "a,b\n", {}, { a: [], b: [] }],
])("reads %s", async (_, csv, options, expected) => {
  expect(await readCsv({ csv }, options)).toEqual(expected);
});

it("knows the line of each row, also after values of several lines", async () => {
  const rows = await readCsv({ csv: 'a,b\n1,"x\ny\r\nz"\n\n3,4\n' });
  expect([placeOf(rows, 0), placeOf(rows, 1)]).toEqual(["the text line 2", "the text line 6"]);
});

it.each([
  ["latin1", Buffer.from("a,b\nK\u00f6ln,1\n", "latin1"), { encoding: "latin1" }],
  ["UTF-16", Buffer.from("\ufeffa,b\nKöln,1\n", "utf16le"), {}],
])("reads %s", async (name, bytes, options) => {
  const file = join(folder, `${name}.csv`);
  writeFileSync(file, bytes);
  expect(await readCsv(file, options)).toEqual({ a: ["Köln"], b: ["1"] });
});

describe("broken files are named by their line", () => {
  it.each<[string, string, CsvOptions]>([
    ["the text line 3 has 1 values, expected 2, one per column", "a,b\n1,2\n3\n5,6\n", {}],
    ["the text line 3 has 3 values, expected 2, one per column", "a,b\n1,2\n3,4,5\n", {}],
    ["the text line 3: a quote opens there", 'a,b\n1,2\n3,"4\n5,6\n', {}],
    ["the text line 2: a quote stands inside of a value without quotes", 'a,b\n1,2"3\n', {}],
    ["the text line 2: a value goes on after its closing quote", 'a,b\n1,"2"3\n', {}],
    ['the text has 2 columns named "a" (1, 3)', "a,b,a\n1,2,3\n", {}],
    ["the first line of the text holds only numbers", "5.1,3.5\n4.9,3\n", {}],
    ["header names 3 columns, but the text has 2", "1,2\n", { header: ["a", "b", "c"] }],
    ["the text is empty", "", {}],
    ["the text is empty", "\n\n", {}],
    ["the text line 1 is no text: byte 1 of the file is 0", "P\0K", {}],
    ['encoding is "no-such", expected a name that TextDecoder knows', "a\n1", { encoding: "no-such" }],
    ['there is no option "sep"', "a\n1", { sep: ";" } as never],
  ])("%s", async (message, csv, options) => {
    const told = readCsv({ csv }, options);
    await expect(told).rejects.toThrow(DataError);
    await expect(told).rejects.toThrow(message);
    await told.catch((error: Error) => expect(error.message).not.toContain("\n"));
  });

  it("bytes that are not UTF-8", async () => {
    const file = join(folder, "words.csv");
    writeFileSync(file, Buffer.from("a,b\n1,2\nK\u00f6ln,1\n", "latin1"));
    await expect(readCsv(file)).rejects.toThrow(
      /words\.csv line 3 is not UTF-8; save it as UTF-8, or say which encoding it is, such as { encoding: "latin1" }$/,
    );
  });

  it.each([
    ["https://example.org/a.csv", "is not a file; download it first"],
    [new URL("https://example.org/a.csv"), "is not a file; download it first"],
    [folder, "it is a folder, expected a file"],
    ["", "got an empty path"],
  ])("%s", async (source, message) => {
    await expect(readCsv(source)).rejects.toThrow(message);
  });
});

it.each<[string, string, unknown]>([
  ["the line in which Excel names the delimiter", "sep=;\r\na;b\r\n1,5;2\r\n", { a: ["1,5"], b: ["2"] }],
  ["rows of delimiters alone, as spreadsheets write empty ones", ",\na,b\n1,2\n,\n3,4\n,\n", plain],
  ["names of several lines", '"a\nb",c\n1,2\n', { "a b": ["1"], c: ["2"] }],
  [
    "names that objects have already",
    "__proto__,length\n1,2\n",
    Object.fromEntries([
      ["__proto__", ["1"]],
      ["length", ["2"]],
    ]),
  ],
  ["a value of a million letters", `a,b\n${"z".repeat(1e6)},1\n`, { a: ["z".repeat(1e6)], b: ["1"] }],
])("reads %s", async (_, csv, expected) => {
  expect(await readCsv({ csv })).toEqual(expected);
});

it("knows lines also below the line in which Excel names the delimiter", async () => {
  await expect(readCsv({ csv: "sep=;\na;b\n1;2\n3\n" })).rejects.toThrow(
    "the text line 4 has 1 values, expected 2",
  );
});

it.each([
  ["JSON", '[{"a": 1}]', "looks like JSON; let its name end in .json"],
  ["JSON Lines", '{"a": 1}\n{"a": 2}\n', "looks like JSON"],
  ["a page of the web", "<!DOCTYPE html>\n<html>a, b</html>", "looks like a page of the web"],
  [
    "a title above the names",
    "Report\na,b\n1,2\n",
    'is the first line ("Report") no line of names? Remove it',
  ],
  ["comments", "# made, by hand\na\n1\n", "line 2 has 1 values, expected 2"],
])("refuses %s", async (_, csv, message) => {
  await expect(readCsv({ csv })).rejects.toThrow(message);
});

it("a file whose values memory cannot hold is refused before Node.js runs out of it", () => {
  const path = join(folder, "large.csv");
  writeFileSync(path, `a,b\n${"1.25,2.75\n".repeat(4_000_000)}`);
  const script = `
    import { readCsv } from ${JSON.stringify(new URL("./csv.ts", import.meta.url).href)};
    await readCsv(process.argv.at(-1)).catch(({ name, message }) => console.log(name, message));`;
  const args = ["--max-old-space-size=16", "--input-type=module", "-e", script, path];
  expect(execFileSync(process.execPath, args, { encoding: "utf8" })).toMatch(
    /^DataError readCsv: \S+large\.csv has about 8 million values, too many for the \d+ MiB .* NODE_OPTIONS=--max-old-space-size=\d+, or save it as Parquet, .*\n$/,
  );
});
