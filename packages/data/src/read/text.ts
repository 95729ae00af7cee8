// Text as integers: by characters, or by a tokenizer.json of Hugging Face; and windows of them, on which language models
// train.
import { access } from "node:fs/promises";
import { dirname, join } from "node:path";
import { optionNames } from "@shardgrad/core/engine";
import { checkDataOptions } from "../check-options.ts";
import { DataError } from "../errors.ts";
import type { FilePath } from "./source.ts";
import { pathOf, readText as readTextFile, shownPath } from "./source.ts";

/** Turns text into integers and back. */
export interface Tokenizer {
  /** How many different integers there are. */
  readonly size: number;
  encode(text: string): Int32Array;
  decode(tokens: ArrayLike<number>): string;
}

/**
 * Reads a text file in UTF-8.
 *
 * @throws DataError if it cannot be read
 */
export async function readText(source: FilePath): Promise<string> {
  return await readTextFile("readText", pathOf("readText", source));
}

/** The different characters of a text, sorted: a vocabulary, which may be a job's `state`. */
export function charactersOf(text: string): string {
  return [...new Set(text)].sort().join("");
}

/**
 * A token per character.
 *
 * @param characters the vocabulary, as `charactersOf` returns it
 */
export function characterTokenizer(characters: string): Tokenizer {
  const letters = [...characters];
  const places = new Map(letters.map((letter, place) => [letter, place]));
  const encode = (text: string) =>
    Int32Array.from([...text], (letter, i) => {
      const place = places.get(letter);
      if (place !== undefined) return place;
      throw new DataError(
        `characterTokenizer: ${JSON.stringify(letter)} at place ${i} is none of the ${letters.length} characters of the vocabulary`,
      );
    });
  return {
    size: letters.length,
    encode,
    decode: (tokens) => Array.from(tokens, (token) => letters[token] ?? "").join(""),
  };
}

async function readObject(path: string): Promise<object> {
  let value: unknown;
  try {
    value = JSON.parse(await readTextFile("readTokenizer", path));
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      `readTokenizer: ${shownPath(path)} is no JSON: ${(error as Error).message.replace(/\s+/g, " ")}`,
      {
        cause: error,
      },
    );
  }
  return value as object;
}

/**
 * The tokenizer of a `tokenizer.json`, as models on Hugging Face have it; `tokenizer_config.json` beside it is read, too.
 * Special tokens are not added.
 *
 * @throws DataError if the file is no tokenizer
 */
export async function readTokenizer(source: FilePath): Promise<Tokenizer> {
  const path = pathOf("readTokenizer", source);
  const definition = await readObject(path);
  const beside = join(dirname(path), "tokenizer_config.json");
  const hasConfig = await access(beside).then(
    () => true,
    () => false,
  );
  const config = hasConfig ? await readObject(beside) : {};
  // Imported here, as workers import this package with their jobs.
  const { Tokenizer: HuggingFaceTokenizer } = await import("@huggingface/tokenizers");
  let tokenizer: InstanceType<typeof HuggingFaceTokenizer>;
  try {
    tokenizer = new HuggingFaceTokenizer(definition, config);
  } catch (error) {
    throw new DataError(
      `readTokenizer: ${shownPath(path)} is no tokenizer that can be read: ${(error as Error).message.split("\n")[0]}`,
      { cause: error },
    );
  }
  let last = -1;
  for (const token of tokenizer.get_vocab(true).values()) last = Math.max(last, token);
  return {
    size: last + 1,
    encode: (text) => Int32Array.from(tokenizer.encode(text, { add_special_tokens: false }).ids),
    decode: (tokens) => tokenizer.decode(Array.from(tokens)),
  };
}

export interface WindowOptions {
  /** Tokens in one sample. */
  length: number;
  /** Tokens from the beginning of one sample to that of the next; default: `length`, so that each token is predicted once. */
  stride?: number;
}

const windowOptions = optionNames<WindowOptions>({ length: true, stride: true });

/**
 * Samples for a language model: `x`, int32 [length], and `y`, what comes after each token of `x`. Tokens at the end that
 * fill no window are left out.
 *
 * @throws DataError if there are too few tokens for one window
 */
export function tokenWindows(tokens: Int32Array, options: WindowOptions) {
  checkDataOptions("tokenWindows", options, windowOptions);
  const { length, stride = length } = options;
  for (const [name, value] of Object.entries({ length, stride })) {
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new DataError(`tokenWindows: ${name} is ${String(value)}, expected an integer of at least 1`);
  }
  if (tokens.length < length + 1) {
    throw new DataError(
      `tokenWindows: there are ${tokens.length} tokens, expected at least ${length + 1}, one more than length`,
    );
  }
  const samples = Math.floor((tokens.length - length - 1) / stride) + 1;
  const windows = (shift: number) => {
    const data = new Int32Array(samples * length);
    for (let i = 0; i < samples; i++) {
      const start = i * stride + shift;
      data.set(tokens.subarray(start, start + length), i * length);
    }
    return { data, shape: [length] };
  };
  return { x: windows(0), y: windows(1) };
}
