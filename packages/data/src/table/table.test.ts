import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { tensor } from "@shardgrad/core";
import { takeRows } from "@shardgrad/parallel/command";
import { afterAll, describe, expect, it } from "vitest";
import { DataError } from "../errors.ts";
import { readCsv } from "../read/csv.ts";
import type { Rows } from "../rows.ts";
import { classNames, decodeTarget, outputSize, vocabularySize } from "./decode.ts";
import type { TableOptions } from "./options.ts";
import type { TableSource } from "./table.ts";
import { table } from "./table.ts";
import { unseenWords } from "./unseen.ts";

const folder = mkdtempSync(join(tmpdir(), "shardgrad-table-"));
afterAll(() => rmSync(folder, { recursive: true }));

const houses = `area,rooms,town,garden,price
120,4,Bonn,yes,300
80,3,Bonn,no,210
,2,Köln,no,150
150,5,"Bergisch Gladbach",yes,390
95,NA,?,no,240
`;

/** Learns from all rows of a source, and encodes them. */
async function fitted(source: TableSource, options: TableOptions = {}) {
  const data = table(source, options);
  const rows = (await data.load()) as Rows;
  const state = data.fit(rows);
  return { data, rows, state, columns: data.encode(rows, state) };
}

const csv = (text: string) => ({ csv: text });
const numbers = (values: ArrayLike<number>) => Array.from(values);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);
/** x of a table, row by row. */
const inputs = ({ x }: { x: { data: ArrayLike<number>; shape: readonly number[] } }) =>
  Array.from({ length: x.data.length / x.shape[0]! }, (_, row) =>
    numbers(x.data).slice(row * x.shape[0]!, (row + 1) * x.shape[0]!),
  );

it("a Parquet file that DuckDB has made of a CSV file gives the same table", async () => {
  const describeFile = async (name: string) =>
    String(
      await table(new URL(`../../../../test/fixtures/data/${name}`, import.meta.url), {
        target: "price",
      }).describe(),
    );
  expect(await describeFile("houses.parquet")).toBe(await describeFile("houses.csv"));
});

describe("what becomes of columns", () => {
  it("numbers are scaled, words are one input each, and the target is scaled and taken back", async () => {
    const { state, columns } = await fitted(csv(houses), { target: "price" });
    expect(state.features).toEqual([
      "area",
      "rooms",
      "town=Bergisch Gladbach",
      "town=Bonn",
      "town=Köln",
      "town missing",
      "town other",
      "garden",
    ]);
    const [area] = state.inputs;
    // The median of what is there stands in for what is missing; mean and deviation are of what is there.
    expect(area).toMatchObject({ fill: 107.5, shift: 111.25 });
    expect(inputs(columns)[2]).toEqual([
      Math.fround((107.5 - 111.25) / (area as { scale: number }).scale),
      expect.anything(),
      0,
      0,
      1,
      0,
      0,
      0,
    ]);
    expect(inputs(columns)[4]!.slice(2)).toEqual([0, 0, 0, 1, 0, 0]);
    expect(columns.y.shape).toEqual([1]);
    const decoded = decodeTarget(
      tensor([...numbers(columns.y.data)].map((value) => [value])),
      state,
    ) as number[];
    expect(decoded.map((value) => Math.round(value * 100) / 100)).toEqual([300, 210, 150, 390, 240]);
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });

  it.each<[string, string, TableOptions, unknown]>([
    ["none", "a\n1\n2\n3\n4\n", { scale: "none" }, [[1], [2], [3], [4]]],
    ["robust", "a\n1\n2\n3\n4\n100\n", { scale: "robust" }, [[-1], [-0.5], [0], [0.5], [48.5]]],
    ["log", "a\n1\n1\n100\n100\n", { scale: "log" }, [[-1], [-1], [1], [1]]],
    [
      "ordinal",
      "a\nlow\nhigh\nmid\n",
      { columns: { a: { as: "ordinal", order: ["low", "mid", "high"], scale: "none" } } },
      [[0], [2], [1]],
    ],
    ["boolean", "a\nyes\nNo\nYES\n", {}, [[1], [0], [1]]],
    ["date", "a\n1970-01-02\n1970-01-03T12:00Z\n", { scale: "none" }, [[1], [2.5]]],
    ["mean", 'a\n1\n""\n2\n', { scale: "none", missing: "mean" }, [[1], [1.5], [2]]],
    ["most frequent", 'a\n1\n""\n2\n2\n', { scale: "none", missing: "mostFrequent" }, [[1], [2], [2], [2]]],
    ["constant", 'a\n1\n""\n2\n', { scale: "none", missing: { constant: -5 } }, [[1], [-5], [2]]],
    [
      "with a mark",
      "a\n1\nNA\n3\n",
      { scale: "none", indicator: true },
      [
        [1, 0],
        [2, 1],
        [3, 0],
      ],
    ],
    [
      "words from digits",
      "a\n10\n9\n",
      { columns: { a: "oneHot" } },
      [
        [1, 0, 0],
        [0, 1, 0],
      ],
    ],
    [
      "words with a fill",
      "a\nu\nNA\nv\nu\n",
      { missing: "mostFrequent" },
      [
        [1, 0, 0],
        [1, 0, 0],
        [0, 1, 0],
        [1, 0, 0],
      ],
    ],
  ])("%s", async (_, text, options, expected) => {
    expect(inputs((await fitted(csv(text), options)).columns)).toEqual(expected);
  });

  it("many words become an int32 column, in which 0 is for words that training did not have", async () => {
    const town = Array.from({ length: 100 }, (_, i) => `town${i % 40}`);
    const { data, state, columns } = await fitted({ town, size: town.map((_, i) => i % 7) });
    expect(vocabularySize(state, "town")).toBe(41);
    expect(columns.town!.data).toBeInstanceOf(Int32Array);
    const later = data.encode({ size: [1, 2, 3], town: ["town0", "elsewhere", null] }, state);
    expect(numbers(later.town!.data)).toEqual([1, 0, 0]);
  });

  it("words that training did not have, and gaps where training had none, have a place of their own", async () => {
    const { data, state } = await fitted({ a: ["u", "v", "u"], b: [1, 2, 3] }, { scale: "none" });
    expect(inputs(data.encode({ a: ["w", null, "v"], b: [0, null, 0] }, state))).toEqual([
      [0, 0, 1, 0],
      [0, 0, 1, 2],
      [0, 1, 0, 0],
    ]);
    const ordinal = await fitted({ a: ["u", "v"] }, { scale: "none", columns: { a: "ordinal" } });
    expect(inputs(ordinal.data.encode({ a: ["w"] }, ordinal.state))).toEqual([[-1]]);
  });

  it("constants, empty columns and identifiers are dropped, with the reason", async () => {
    const rows = Array.from({ length: 30 }, (_, i) => ({
      n: i + 5,
      user_id: `u${i}`,
      name: `name ${i}`,
      one: 1,
      none: null,
      a: i % 3,
      b: i * i,
    }));
    const { state } = await fitted(rows, { columns: { b: "drop" } });
    expect(state.features).toEqual(["a"]);
    expect(Object.fromEntries(state.dropped.map(({ name, reason }) => [name, reason]))).toEqual({
      b: "by its rule",
      n: "identifier: it counts the rows",
      user_id: "identifier: 30 different words in 30 rows",
      name: "identifier: 30 different words in 30 rows",
      one: "constant: always 1",
      none: "it has no values",
    });
    expect((await fitted(rows, { columns: { n: { as: "number" } } })).state.features).toContain("n");
  });
});

describe("targets", () => {
  it.each<[string, unknown[], TableOptions["target"], (string | number)[]]>([
    ["words", ["cat", "dog", "cat"], "y", ["cat", "dog"]],
    ["few integers", Array.from({ length: 40 }, (_, i) => [7, 10, 8][i % 3]), "y", [7, 8, 10]],
    ["integers that are said to be classes", [3, 1, 2], { column: "y", as: "classes" }, [1, 2, 3]],
    ["truths", [true, false, true], "y", ["false", "true"]],
  ])("%s are classes, and come back by their names", async (_, y, target, classes) => {
    const { state, columns } = await fitted(
      { y, a: y.map((_, i) => i) },
      { target: target!, columns: { a: "number" } },
    );
    expect(classNames(state)).toEqual(classes);
    expect(outputSize(state)).toBe(classes.length);
    expect(columns.y.data).toBeInstanceOf(Int32Array);
    const outputs = numbers(columns.y.data).map((label) => classes.map((_, i) => (i === label ? 1 : 0)));
    expect(decodeTarget(tensor(outputs), state).map(String)).toEqual(y.map(String));
  });

  it("integers that are few by chance are numbers", async () => {
    const { state } = await fitted({ y: [1, 2, 3, 4], a: [1, 2, 3, 4] }, { target: "y", scale: "none" });
    expect([outputSize(state), state.target!.kind]).toEqual([1, "number"]);
  });

  it("a class that only held-out rows have is a class nevertheless", async () => {
    const data = table({ y: ["a", "b", "c"], x: [1, 5, 3] }, { target: "y" });
    await data.load();
    const state = data.fit({ y: ["a", "b"], x: [1, 5] });
    expect(numbers(data.encode({ y: ["c"], x: [3] }, state).y.data)).toEqual([2]);
  });

  it("one logit tells two classes apart", async () => {
    const { state } = await fitted({ y: ["no", "yes"], x: [1, 2] }, { target: "y" });
    expect(decodeTarget(tensor([[-1], [0.5]]), state)).toEqual(["no", "yes"]);
  });

  it("rows without a target are refused by their line, or left out", async () => {
    const text = csv("a,y\n1,2\n2,NA\n3,4\n");
    await expect(table(text, { target: "y" }).load()).rejects.toThrow(
      'table: the text line 3: the target y is missing; fill it in, or leave such rows out: target: { column: "y", missing: "drop" }',
    );
    const { columns } = await fitted(text, { target: { column: "y", missing: "drop", scale: "none" } });
    expect(numbers(columns.y.data)).toEqual([2, 4]);
  });
});

describe("new rows", () => {
  it("may lack the target, have more columns, and another order; texts are read as in training", async () => {
    const { data, state, columns } = await fitted(csv("a;b;y\n1,5;u;1\n2,5;v;2\n"), {
      target: "y",
      scale: "none",
    });
    const rows = await readCsv(csv('extra,b,a\n9,v,"2,5"\n9,u,"1,5"\n'));
    const later = data.encode(rows, state);
    expect(later.y).toBeUndefined();
    expect(inputs(later)).toEqual(inputs(columns).toReversed());
  });

  it("have words that training did not have, which are told by column", async () => {
    const { state } = await fitted({ a: ["u", "v"], b: ["s", "t"], n: [1, 2] }, {});
    const rows = { a: ["w", "u", "w", null, "x"], b: ["s", "s", "t", "NA", ""], n: [5, 6, 7, 8, 9] };
    expect(unseenWords(rows, state)).toEqual([{ name: "a", words: ["w", "x"], rows: 3 }]);
    expect(unseenWords({ n: [1] }, state)).toEqual([]);
  });

  it("are read as the table's own CSV file was: the state says how", async () => {
    const { state } = await fitted(
      { csv: "# of 2026\na|y\n1|2\n2|4\n" },
      { target: "y", csv: { comment: "#" } },
    );
    expect(state.csv).toEqual({ comment: "#" });
  });

  it("are answered with as many digits as a float32 has", async () => {
    const { state } = await fitted({ a: [1, 2, 3], y: [0.1, 0.25, 1 / 3] }, { target: "y" });
    const [answer] = decodeTarget(tensor([[1 / 3]]), state);
    expect(String(answer).replace(/^0\./, "").length).toBeLessThanOrEqual(9);
  });

  it("without a column are refused in one line", async () => {
    const { data, state } = await fitted({ a: [1, 2], b: [1, 3], y: [1, 2] }, { target: "y" });
    expect(() => data.encode({ a: [1], y: [2] }, state)).toThrow(
      new DataError('table: the rows have no column "b", which training used; they have a, y'),
    );
  });

  it("name the place of a value that is none", async () => {
    const { data, state } = await fitted({ a: [1, 2], y: ["u", "v"] }, { target: "y" });
    const rows = await readCsv(csv("a,y\n1,u\nmuch,v\n"));
    expect(() => data.encode(rows, state)).toThrow(
      'table: the text line 3, column a: got "much", expected a finite number, as in training',
    );
    expect(() => data.encode({ a: [1], y: ["w"] }, state)).toThrow(
      'table: row 0, column y: "w" is none of the 2 classes that were trained: u, v',
    );
    const strict = await fitted({ a: [1, 2] }, { missing: "refuse" });
    expect(() => strict.data.encode({ a: [1, null] }, strict.state)).toThrow(
      'table: row 1, column a: the value is missing, which `missing: "refuse"` forbids',
    );
  });
});

it("errors of fit() and encode() name the line of the file, whichever rows train", async () => {
  const data = table(csv("a,b,y\n1,1,1\nNA,2,\n3,3,2\n-1,4,3\n2,5,4\n"), {
    target: { column: "y", missing: "drop" },
    columns: { a: { scale: "log" } },
  });
  // Without the row that has no target, as readers name it; then without the first of them, as `validation` takes it.
  const rows = (await data.load()) as Rows;
  expect(() => data.fit(takeRows(rows, Int32Array.of(1, 2, 3)))).toThrow(
    'table: the text line 5, column a: scale "log" got -1, expected numbers above 0',
  );
  const state = data.fit(takeRows(rows, Int32Array.of(0, 1)));
  expect(() => data.encode(takeRows(rows, Int32Array.of(2)), state)).toThrow(
    "table: the text line 5, column a: got -1, expected a number above 0",
  );
  const plain = table({ a: [1, 3, -1], y: [1, 2, 3] }, { target: "y", columns: { a: { scale: "log" } } });
  expect(() => plain.fit(takeRows({ a: [1, 3, -1], y: [1, 2, 3] }, Int32Array.of(1, 2)))).toThrow(
    "table: row 2",
  );
});

it("fit() takes rows as readers return them, too", async () => {
  const data = table(csv("a,b\n1,u\n3,v\n"), { scale: "none" });
  await data.load();
  const state = data.fit(await readCsv(csv("a,b\n1,u\nNA,v\n5,u\n")));
  expect(state.inputs).toMatchObject([{ fill: 3 }, { words: ["u", "v"] }]);
});

it("gaps that are refused are named by their line", async () => {
  await expect(
    table(csv("a,b\n1,u\nNA,v\n"), { columns: { a: { missing: "refuse" } } }).load(),
  ).rejects.toThrow(
    'table: the text line 3, column a: the value is missing, which `missing: "refuse"` forbids',
  );
});

it("learns from training rows only, but types are those of all rows", async () => {
  const data = table(
    { a: ["1", "2", "many"], b: [1, 2, 300] },
    { scale: "none", columns: { b: { missing: "mean" } } },
  );
  const { a, b } = (await data.load()) as Rows;
  const state = data.fit({ a: [a![0], a![1]], b: [b![0], b![1]] });
  expect(state.inputs).toMatchObject([{ kind: "oneHot", words: ["1", "2"] }, { fill: 1.5 }]);
});

it("reads files by paths and URLs, and a second one to evaluate on", async () => {
  const file = join(folder, "houses.csv");
  writeFileSync(file, houses);
  const rows = (await table(file, { target: "price" }).load()) as Rows;
  expect(numbers(rows.price as Float64Array)).toEqual([300, 210, 150, 390, 240]);
  const both = await table(pathToFileURL(file), { target: "price", test: file }).load();
  expect(both).toEqual({ train: rows, test: rows });
});

describe("describe()", () => {
  it("gives each column's type, statistics and encoding as data", async () => {
    const { rows, columns, notes } = await table(csv(houses), {
      target: "price",
      columns: { rooms: "drop" },
    }).describe();
    expect(rows).toBe(5);
    expect(columns[0]).toEqual({
      name: "area",
      type: "integer",
      missing: 1,
      min: 80,
      mean: 111.25,
      max: 150,
      distinct: 4,
      mostFrequent: 80,
      encoding: "scaled, gaps: 107.5",
    });
    expect(columns.map(({ name, type, encoding }) => [name, type, encoding]).slice(1)).toEqual([
      ["town", "words", "one-hot 3, gaps: own"],
      ["garden", "boolean", "as it is"],
      ["price", "integer", "target, scaled"],
    ]);
    expect(notes).toEqual(["rooms: dropped: by its rule"]);
  });

  it("fits a terminal of 80 columns, whatever the names", async () => {
    const long = Object.fromEntries(
      Array.from({ length: 4 }, (_, i) => [
        `a very long name of a column, number ${i}`,
        [1e-9, 123456789.123 * i, null],
      ]),
    );
    const text = inspect(
      await table({ ...long, when: ["2001-01-01", "2002-02-02", "2003-03-03"] }).describe(),
    );
    expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(text).toMatch(/^when +date +0 2001-01-01/m);
  });

  it("says which values make words of a column that is mostly numbers", async () => {
    const text = `a\n${"1\n2\n3\n".repeat(5)}low\n`;
    const { columns, notes } = await table(csv(text)).describe();
    expect(columns[0]!.type).toBe("words");
    expect(notes).toEqual([
      'a: 1 of 16 values are no numbers (the first: "low", the text line 17); add such words to missingWords if they stand for nothing',
    ]);
  });
});

describe("mistakes take one line", () => {
  it.each<[TableOptions, string]>([
    [{ tarjet: "y" } as TableOptions, 'table: there is no option "tarjet"; did you mean target? There are'],
    [
      { scale: "standart" as "standard" },
      'table: scale is "standart", expected "standard", or another of standard,',
    ],
    [{ missing: 3 as never }, "table: missing is number, expected one of median, mean, mostFrequent"],
    [
      { columns: { a: { as: "number", order: ["a"] } } },
      'table: columns.a has an order, which only as: "ordinal" takes',
    ],
    [{ columns: { y: "drop" }, target: "y" }, "table: columns.y is the target"],
    [{ target: {} as never }, "table: target names no column"],
    [{ missingWords: "-" as never }, "table: missingWords is not an array of words"],
  ])("%j", (options, message) => {
    expect(() => table({ a: [1] }, options)).toThrow(DataError);
    expect(() => table({ a: [1] }, options)).toThrow(message);
  });

  it.each<[TableSource, TableOptions, string]>([
    [
      { a: [1, 2], price: [1, 2] },
      { target: "prize" },
      'table: target: there is no column "prize"; did you mean price? there are a, price',
    ],
    [{ a: [1, 2] }, { columns: { b: "drop" } }, 'table: columns: there is no column "b"'],
    [
      { a: [1, 2], b: [1] },
      {},
      "table: column b has 1 values, column a has 2; all columns need the same number",
    ],
    [
      { a: ["1", "x"] },
      { columns: { a: "number" } },
      'table: row 1, column a: got "x", expected a finite number',
    ],
    [
      { a: ["2001-01-01", "soon"] },
      { columns: { a: "date" } },
      'row 1, column a: got "soon", expected a date such as 2026-01-31',
    ],
    [{ a: [1, Infinity] }, {}, "table: row 1, column a: got Infinity, expected a finite number"],
    [{ a: [[1], [2]] }, {}, "table: row 0, column a: got a list, expected a number or a word; flatten it"],
    [
      { a: [1, 1], b: [2, 2] },
      {},
      "table: no column is left to predict from; dropped: a (constant: always 1), b",
    ],
    [{ a: [1, 2], y: ["u", "u"] }, { target: "y" }, 'table: the target y has one value only, "u"'],
    [
      { a: [-1, 2] },
      { scale: "log" },
      'table: row 0, column a: scale "log" got -1, expected numbers above 0',
    ],
    [
      { a: ["u", "v"] },
      { columns: { a: { missing: "mean" } } },
      'table: column a: missing is "mean", which numbers can have',
    ],
    [
      { a: [1, 2] },
      { columns: { a: { missing: "own" } } },
      'table: column a: missing is "own", which words can have',
    ],
    [{ x: ["u", "v"], b: [1, 2] }, { columns: { x: "embedding" } }, "table: column x is to be an embedding"],
    [[], {}, "table: the source has no rows"],
    [[1] as never, {}, "rowsFromObjects: row 0 is number, expected an object"],
    ["no/such.csv", {}, "readCsv: no/such.csv: there is no such file"],
  ])("%j %j", async (source, options, message) => {
    const told = fitted(source, options);
    await expect(told).rejects.toThrow(DataError);
    await expect(told).rejects.toThrow(message);
    await told.catch((error: Error) => expect(error.message).not.toContain("\n"));
  });
});

describe("numbers as people write them", () => {
  it.each<[string, string, number[]]>([
    ["commas that group thousands", 'a,b\n"1,234",x\n"12,345.5",y\n999,z\n', [1234, 12345.5, 999]],
    ["decimal commas, and points that group", "a;b\n1.234,56;x\n0,5;y\n", [1234.56, 0.5]],
    ["points that group, where another column has decimal commas", "a;b\n1.234;1,5\n999;2,5\n", [1234, 999]],
    ["points between semicolons", "a;b\n5.123;x\n6.456;y\n", [5.123, 6.456]],
    ["spaces that group", "a;b\n1 234,5;x\n12\u202f345,0;y\n", [1234.5, 12345]],
    ["apostrophes that group", "a,b\n1'234.5,x\n7,y\n", [1234.5, 7]],
    ["the minus sign of typesetters", "a,b\n\u22123,x\n4,y\n", [-3, 4]],
    ["exponents", "a,b\n1e5,x\n2.5E-3,y\n", [1e5, 2.5e-3]],
  ])("%s", async (_, text, expected) => {
    const rows = (await table(csv(text)).load()) as Rows;
    expect(rows.a).toEqual(Float64Array.from(expected));
  });

  it("numbers with a sign around them are words, which describe() says", async () => {
    for (const value of ["12%", "$3.50", "(4)"]) {
      const { columns, notes } = await table(csv(`a,b\n${value},1\n"7%",2\n`)).describe();
      expect(columns[0]!.type).toBe("words");
      expect(notes).toEqual([
        `a: values such as ${JSON.stringify(value)} are words; take the sign out of the file, and they are numbers`,
      ]);
    }
  });

  it("a table may be wide: 2,000 columns, a tenth of them words", async () => {
    const names = upTo(2000).map((c) => `c${c}`);
    const row = (r: number) => names.map((_, c) => (c % 10 === 0 ? `w${(r + c) % 7}` : Math.sin(r * 31 + c)));
    const lines = [[...names, "y"], ...upTo(40).map((r) => [...row(r), r % 2])];
    const { state, columns } = await fitted(csv(lines.join("\n")), { target: "y" });
    expect(state.inputs).toHaveLength(2000);
    // 7 words, and one place for all others.
    expect(columns.x.shape).toEqual([1800 + 200 * 8]);
  });

  it("codes with zeros in front are words", async () => {
    const { columns } = await table(csv("zip,b\n01067,1\n80331,2\n")).describe();
    expect(columns[0]).toMatchObject({ type: "words", encoding: "one-hot 2" });
  });
});
