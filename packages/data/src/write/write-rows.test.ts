import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { DataError } from "../errors.ts";
import { readNpy } from "../read/numpy.ts";
import { readRows } from "../read/read-rows.ts";
import { writeRows } from "./write-rows.ts";

const folder = mkdtempSync(join(tmpdir(), "shardgrad-write-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string) => join(folder, name);
const textOf = (name: string) => readFileSync(at(name), "utf8");

const rows = {
  class: ["cat", 'a "big", one', null],
  size: Float64Array.of(0.1, 2, NaN),
  scores: [Float32Array.of(0.5, 0.25), [1, 0], [0, 1]],
};

it("writes CSV that is read back, lists as columns of their own", async () => {
  await writeRows(at("a.csv"), rows);
  expect(textOf("a.csv")).toBe(
    'class,size,scores1,scores2\ncat,0.1,0.5,0.25\n"a ""big"", one",2,1,0\n,NaN,0,1\n',
  );
  expect((await readRows(at("a.csv"))).class).toEqual(["cat", 'a "big", one', ""]);
});

it("writes JSON Lines that are read back", async () => {
  await writeRows(at("a.jsonl"), { ...rows, id: BigInt64Array.of(1n, 2n, 3n) });
  expect(textOf("a.jsonl").split("\n")[0]).toBe('{"class":"cat","size":0.1,"scores":[0.5,0.25],"id":1}');
  expect((await readRows(at("a.jsonl"))).size).toEqual([0.1, 2, null]);
});

it("writes numbers as .npy, float32 where it is exact", async () => {
  await writeRows(at("a.npy"), { price: [1, 2.5] });
  expect(await readNpy(at("a.npy"))).toEqual({ data: Float32Array.of(1, 2.5), shape: [2] });
  await writeRows(at("b.npy"), { price: [0.1, 2], scores: [[1], [2]] });
  expect(await readNpy(at("b.npy"))).toEqual({ data: Float64Array.of(0.1, 1, 2, 2), shape: [2, 2] });
});

it("leaves the old file, and nothing half-written, where it fails", async () => {
  writeFileSync(at("old.npy"), "old");
  const before = readdirSync(folder);
  for (const [name, message] of [
    ["old.npy", 'writeRows: column class has "cat" in row 0, expected numbers for a .npy file'],
    ["a.xlsx", "a.xlsx ends in .xlsx, expected one of .csv .jsonl .ndjson .npy"],
    ["no/such/folder.csv", "its folder does not exist; create it"],
  ] as const) {
    const told = writeRows(at(name), rows);
    await expect(told).rejects.toThrow(DataError);
    await expect(told).rejects.toThrow(message);
  }
  expect(readdirSync(folder)).toEqual(before);
  expect(textOf("old.npy")).toBe("old");
});

it("a process that ends while it writes leaves no half of a file", () => {
  const script = `
    import { readdirSync } from "node:fs";
    import { writeRows } from ${JSON.stringify(new URL("./write-rows.ts", import.meta.url).href)};
    const folder = process.argv.at(-1);
    writeRows(folder + "/cut.csv", { x: new Float64Array(1_000_000) });
    const look = () => (readdirSync(folder).some((name) => name.startsWith("cut.csv")) ? process.exit() : setImmediate(look));
    look();`;
  execFileSync(process.execPath, ["--input-type=module", "-e", script, folder]);
  expect(readdirSync(folder).filter((name) => name.startsWith("cut.csv."))).toEqual([]);
});
