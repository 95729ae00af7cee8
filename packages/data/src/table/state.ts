// What a table learned from its training rows: plain data, which JSON holds, saved with the weights. It is all that
// `encode` needs for new rows.
import type { CsvOptions } from "../read/csv.ts";
import type { Decimal, NumberType } from "./values.ts";

/** A column that becomes one number of `x`: (value - shift) / scale, or of its logarithm. */
export interface NumberInput {
  readonly name: string;
  readonly kind: "number";
  readonly type: NumberType;
  readonly decimal: Decimal;
  /** In place of a missing value, before scaling; null if that is refused. */
  readonly fill: number | null;
  /** Whether another number of `x` is 1 where the value was missing. */
  readonly indicator: boolean;
  readonly log: boolean;
  readonly shift: number;
  readonly scale: number;
}

/** A column of words. */
export interface WordsInput {
  readonly name: string;
  /**
   * `oneHot`: a number of `x` per word, one for missing values if training had some, and one for other words. `ordinal`:
   * one number of `x`, the place of the word from 0 on, scaled; -1 for other words. `embedding`: an int32 column of its own, 0
   * for other words, then the words from 1 on.
   */
  readonly kind: "oneHot" | "ordinal" | "embedding";
  readonly words: readonly string[];
  /** What a missing value is: a word, a place of its own (or that of other words), or refused. */
  readonly missing: { readonly word: string } | "own" | "refuse";
  /** Whether a number of `x` stands for missing values, as in `oneHot` if training had some. */
  readonly place: boolean;
  readonly shift: number;
  readonly scale: number;
}

export type Input = NumberInput | WordsInput;

/** The classes, or the numbers, to predict. */
export type Target =
  | {
      readonly name: string;
      readonly kind: "classes";
      readonly decimal: Decimal;
      readonly classes: readonly (string | number)[];
    }
  | {
      readonly name: string;
      readonly kind: "number";
      readonly type: NumberType;
      readonly decimal: Decimal;
      readonly log: boolean;
      readonly shift: number;
      readonly scale: number;
    };

export interface TableState {
  /** Who can encode rows by this state. */
  readonly encoder: "table";
  /** The columns that are read, in the order of `x`. */
  readonly inputs: readonly Input[];
  /** What each number of `x` is, such as `age`, `city=Bonn`. */
  readonly features: readonly string[];
  readonly target: Target | null;
  readonly dropped: readonly { readonly name: string; readonly reason: string }[];
  readonly missingWords: readonly string[];
  /** How CSV files are written, if the table said so. */
  readonly csv?: CsvOptions;
}
