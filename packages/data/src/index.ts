// @shardgrad/data: the public API.
import "@shardgrad/parallel/node-version";

export { DataError } from "./errors.ts";
export { type CsvOptions, type CsvSource, readCsv } from "./read/csv.ts";
export { readIdx } from "./read/idx.ts";
export { type ImageOptions, type ImageSet, readImages } from "./read/images.ts";
export { readJson, readJsonLines } from "./read/json.ts";
export { columnOf, type NumberArray } from "./read/number-array.ts";
export { readNpy, readNpz } from "./read/numpy.ts";
export { readParquet } from "./read/parquet.ts";
export { type Format, type ReadOptions, readRows } from "./read/read-rows.ts";
export { type RowFiles, type RowsOptions, rows } from "./read/row-files.ts";
export type { FilePath } from "./read/source.ts";
export {
  charactersOf,
  characterTokenizer,
  readText,
  readTokenizer,
  type Tokenizer,
  tokenWindows,
  type WindowOptions,
} from "./read/text.ts";
export { placeOf, type Rows, rowsFromObjects } from "./rows.ts";
export { classNames, decodeTarget, outputSize, targetScale, vocabularySize } from "./table/decode.ts";
export type { ColumnDescription, TableDescription } from "./table/describe.ts";
export type { EncodedColumn, TableColumns } from "./table/encode.ts";
export type { As, ColumnRule, Missing, Scale, TableOptions, TargetRule } from "./table/options.ts";
export type { Input, NumberInput, TableState, Target, WordsInput } from "./table/state.ts";
export { type Table, type TableSource, table } from "./table/table.ts";
export { type UnseenWords, unseenWords } from "./table/unseen.ts";
export type { Decimal, NumberType } from "./table/values.ts";
export { checkWritable, writeRows } from "./write/write-rows.ts";
