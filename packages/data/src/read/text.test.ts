import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { DataError } from "../errors.ts";
import { charactersOf, characterTokenizer, readText, readTokenizer, tokenWindows } from "./text.ts";

const folder = mkdtempSync(join(tmpdir(), "shardgrad-text-"));
afterAll(() => rmSync(folder, { recursive: true }));

it("characters become integers and come back, also those outside of the basic plane", async () => {
  const path = join(folder, "a.txt");
  writeFileSync(path, "\ufeffabba 🎲");
  const text = await readText(path);
  const tokenizer = characterTokenizer(charactersOf(text));
  expect(tokenizer.size).toBe(4);
  expect([...tokenizer.encode(text)]).toEqual([1, 2, 2, 1, 0, 3]);
  expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
  expect(() => tokenizer.encode("abc")).toThrow(
    new DataError('characterTokenizer: "c" at place 2 is none of the 4 characters of the vocabulary'),
  );
});

it("a tokenizer.json becomes a tokenizer", async () => {
  const path = join(folder, "tokenizer.json");
  const vocab = { "[UNK]": 0, to: 1, be: 2, or: 3, not: 4 };
  writeFileSync(
    path,
    JSON.stringify({
      version: "1.0",
      added_tokens: [],
      normalizer: { type: "Lowercase" },
      pre_tokenizer: { type: "Whitespace" },
      post_processor: null,
      decoder: null,
      model: { type: "WordLevel", vocab, unk_token: "[UNK]" },
    }),
  );
  const tokenizer = await readTokenizer(path);
  expect(tokenizer.size).toBe(5);
  expect([...tokenizer.encode("To be or not to see")]).toEqual([1, 2, 3, 4, 1, 0]);
  expect(tokenizer.decode([1, 2])).toBe("to be");
  writeFileSync(path, '{"model": {"type": "of another kind"}}');
  await expect(readTokenizer(path)).rejects.toThrow(/tokenizer\.json is no tokenizer that can be read: /);
  writeFileSync(path, "{");
  await expect(readTokenizer(path)).rejects.toThrow(/tokenizer\.json is no JSON: /);
});

it("windows hold tokens and what comes after each", () => {
  const tokens = Int32Array.from({ length: 8 }, (_, i) => i);
  const { x, y } = tokenWindows(tokens, { length: 3 });
  expect([[...x.data], x.shape]).toEqual([[0, 1, 2, 3, 4, 5], [3]]);
  expect([...y.data]).toEqual([1, 2, 3, 4, 5, 6]);
  expect([...tokenWindows(tokens, { length: 3, stride: 2 }).x.data]).toEqual([0, 1, 2, 2, 3, 4, 4, 5, 6]);
  expect(tokenWindows(tokens, { length: 7 }).y.data).toEqual(Int32Array.of(1, 2, 3, 4, 5, 6, 7));
  expect(() => tokenWindows(tokens, { length: 8 })).toThrow("there are 8 tokens, expected at least 9");
  expect(() => tokenWindows(tokens, { length: 2, stride: 0 })).toThrow(
    "stride is 0, expected an integer of at least 1",
  );
});
