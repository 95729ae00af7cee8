// Data sets larger than memory: the rows of .npy files, read by the workers when they need them. The next step's rows are
// read while this one is computed, by positioned reads in the pool of Node.js; rows that lie together in one read.
import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { optionNames } from "@shardgrad/core/engine";
import type { Computed } from "@shardgrad/parallel";
import { computed } from "@shardgrad/parallel";
import { float16ToFloat32 } from "npyjs";
import { checkDataOptions } from "../check-options.ts";
import { DataError } from "../errors.ts";
import { mostHeaderBytes, parseNpyHeader } from "./npy-header.ts";
import type { FilePath } from "./source.ts";
import { fileError, pathOf, shownPath } from "./source.ts";

export interface RowsOptions {
  /** The first row, counted from 0; default 0. */
  from?: number;
  /** The row after the last; default: all. */
  to?: number;
  /** Each worker holds files up to this size in memory, such as labels. In bytes; default 32 MiB. */
  hold?: number;
}

const rowsOptions = optionNames<RowsOptions>({ from: true, to: true, hold: true });
const readAsync = promisify(read);

type Numbers = ArrayLike<number>;

/** Numbers of a type from their bytes, which begin at a multiple of 8. */
const decoders: Readonly<Record<string, (bytes: ArrayBuffer) => Numbers>> = {
  f2: (bytes) => Float32Array.from(new Uint16Array(bytes), float16ToFloat32),
  f4: (bytes) => new Float32Array(bytes),
  f8: (bytes) => new Float64Array(bytes),
  b1: (bytes) => new Uint8Array(bytes),
  i1: (bytes) => new Int8Array(bytes),
  i2: (bytes) => new Int16Array(bytes),
  i4: (bytes) => new Int32Array(bytes),
  i8: (bytes) => Array.from(new BigInt64Array(bytes), Number),
  u1: (bytes) => new Uint8Array(bytes),
  u2: (bytes) => new Uint16Array(bytes),
  u4: (bytes) => new Uint32Array(bytes),
  u8: (bytes) => Array.from(new BigUint64Array(bytes), Number),
};

/** One .npy file, of which rows are read. */
class RowFile {
  readonly path: string;
  readonly rows: number;
  /** Of one row. */
  readonly shape: readonly number[];
  readonly type: string;
  readonly #start: number;
  readonly #rowBytes: number;
  readonly #isHeld: boolean;
  /** Opened when the first row is read; the thread that reads keeps it. */
  #file: number | undefined;
  /** All rows of a small file, such as labels, once one is read: a read each would cost more than they do. */
  #whole: Uint8Array<ArrayBuffer> | undefined;

  constructor(path: string, hold: number) {
    this.path = path;
    const name = shownPath(path);
    const bytes = new Uint8Array(mostHeaderBytes);
    let size: number;
    let got: number;
    try {
      const file = openSync(path, "r");
      try {
        size = fstatSync(file).size;
        got = readSync(file, bytes, 0, bytes.length, 0);
      } finally {
        closeSync(file);
      }
    } catch (error) {
      throw fileError("rows", path, error);
    }
    const header = parseNpyHeader("rows", name, bytes.subarray(0, got));
    const [rows, ...shape] = header.shape;
    if (rows === undefined) throw new DataError(`rows: ${name} holds a single number, expected rows`);
    if (header.fortranOrder && shape.length > 0) {
      throw new DataError(
        `rows: ${name} lies in column-major order, in which a row is scattered; write it by numpy.save(…, numpy.ascontiguousarray(x))`,
      );
    }
    this.rows = rows;
    this.shape = shape;
    this.type = header.type;
    this.#start = header.start;
    this.#rowBytes = Number(header.type.slice(1)) * shape.reduce((a, b) => a * b, 1);
    this.#isHeld = rows * this.#rowBytes <= hold;
    const expected = header.start + rows * this.#rowBytes;
    if (size !== expected) {
      throw new DataError(
        `rows: ${name} has ${size} bytes, expected ${expected} for shape [${header.shape.join(",")}]; it is not whole`,
      );
    }
  }

  #place(row: number, count: number) {
    this.#file ??= openSync(this.path, "r");
    const bytes = new Uint8Array(count * this.#rowBytes);
    return { file: this.#file, bytes, at: this.#start + row * this.#rowBytes };
  }

  #split(bytes: Uint8Array<ArrayBuffer>, got: number): Numbers[] {
    if (got !== bytes.length) throw this.#shorter();
    const count = bytes.length / this.#rowBytes;
    return Array.from({ length: count }, (_, i) =>
      decoders[this.type]!(bytes.buffer.slice(i * this.#rowBytes, (i + 1) * this.#rowBytes)),
    );
  }

  /** Rows of a file that is held in memory; undefined for a large one. */
  #fromWhole(row: number, count: number): Numbers[] | undefined {
    if (!this.#isHeld) return undefined;
    if (!this.#whole) {
      const { file, bytes, at } = this.#place(0, this.rows);
      if (readSync(file, bytes, 0, bytes.length, at) !== bytes.length) throw this.#shorter();
      this.#whole = bytes;
    }
    const bytes = this.#whole.slice(row * this.#rowBytes, (row + count) * this.#rowBytes);
    return this.#split(bytes, bytes.length);
  }

  #shorter(): DataError {
    return new DataError(`rows: ${shownPath(this.path)} has become shorter`);
  }

  readRow(row: number): Numbers {
    const whole = this.#fromWhole(row, 1);
    if (whole) return whole[0]!;
    const { file, bytes, at } = this.#place(row, 1);
    return this.#split(bytes, readSync(file, bytes, 0, bytes.length, at))[0]!;
  }

  /** Rows that lie together. */
  async readRows(row: number, count: number): Promise<Numbers[]> {
    const whole = this.#fromWhole(row, count);
    if (whole) return whole;
    const { file, bytes, at } = this.#place(row, count);
    const { bytesRead } = await readAsync(file, bytes, 0, bytes.length, at);
    return this.#split(bytes, bytesRead);
  }
}

/** The rows of a column: those of one file, or of several, one after another. */
class RowColumn {
  readonly #files: readonly RowFile[];
  /** The first row of each file, and the number of all rows. */
  readonly #starts: number[];
  readonly shape: number[];
  readonly dtype: "float32" | "int32";

  constructor(name: string, paths: readonly string[], hold: number) {
    this.#files = paths.map((path) => new RowFile(path, hold));
    const [first, ...others] = this.#files;
    if (!first) throw new DataError(`rows: column ${name} has no files; expected at least one`);
    this.shape = [...first.shape];
    this.dtype = first.type.startsWith("f") ? "float32" : "int32";
    const unlike = others.find(({ shape, type }) => `${shape}` !== `${first.shape}` || type !== first.type);
    if (unlike) {
      throw new DataError(
        `rows: column ${name}: ${shownPath(unlike.path)} holds ${unlike.type} [${unlike.shape.join(",")}] a row, ${shownPath(first.path)} holds ${first.type} [${first.shape.join(",")}]; all files of a column need the same`,
      );
    }
    this.#starts = [0];
    for (const { rows } of this.#files) this.#starts.push(this.#starts.at(-1)! + rows);
  }

  get rows(): number {
    return this.#starts.at(-1)!;
  }

  #find(row: number): { file: RowFile; row: number; left: number } {
    const at = this.#starts.findLastIndex((start) => start <= row);
    return { file: this.#files[at]!, row: row - this.#starts[at]!, left: this.#starts[at + 1]! - row };
  }

  readRow(row: number): Numbers {
    const found = this.#find(row);
    return found.file.readRow(found.row);
  }

  /** Rows in ascending order, each with its numbers. */
  async readAhead(rows: Int32Array, keep: (row: number, numbers: Numbers) => void): Promise<void> {
    const runs: Promise<void>[] = [];
    for (let i = 0; i < rows.length; ) {
      const { file, row, left } = this.#find(rows[i]!);
      let count = 1;
      while (count < left && rows[i + count] === rows[i]! + count) count++;
      const first = rows[i]!;
      runs.push(
        file.readRows(row, count).then((found) => {
          found.forEach((numbers, k) => {
            keep(first + k, numbers);
          });
        }),
      );
      i += count;
    }
    await Promise.all(runs);
  }
}

/** Where the rows of each column are: a .npy file, or several whose rows follow one another. */
export type RowFiles = Readonly<Record<string, FilePath | readonly FilePath[]>>;

/**
 * A computed set of rows of .npy files, for data that is larger than memory. Put it directly into a job's `dataset`: each
 * worker reads the rows that it trains on, ahead of each step. Floats become float32, other numbers int32.
 *
 * @param files `{ x: "x.npy", y: ["y0.npy", "y1.npy"] }`: the files of each column; all columns have the same rows
 * @throws DataError for a file that is not whole, or of another kind
 */
export function rows<F extends RowFiles>(
  files: F,
  options: RowsOptions = {},
): Computed<{ readonly [K in keyof F]: { shape: number[]; dtype: "float32" | "int32" } }> {
  checkDataOptions("rows", options, rowsOptions);
  if (
    typeof files !== "object" ||
    files === null ||
    files instanceof URL ||
    Object.keys(files).length === 0
  ) {
    throw new DataError('rows: expected the files of each column, such as { x: "x.npy", y: "y.npy" }');
  }
  const { from = 0, hold = 2 ** 25 } = options;
  if (!(typeof hold === "number" && hold >= 0)) {
    throw new DataError(`rows: hold is ${String(hold)}, expected a number of bytes, such as 2 ** 25`);
  }
  const columns = Object.entries(files).map(([name, given]): [string, RowColumn] => {
    const list = Array.isArray(given) ? (given as readonly FilePath[]) : [given as FilePath];
    return [
      name,
      new RowColumn(
        name,
        list.map((path) => pathOf("rows", path)),
        hold,
      ),
    ];
  });
  const [[firstName, first]] = columns as [[string, RowColumn]];
  for (const [name, column] of columns) {
    if (column.rows === first.rows) continue;
    throw new DataError(
      `rows: column ${name} has ${column.rows} rows, column ${firstName} has ${first.rows}; all columns need the same number`,
    );
  }
  const { to = first.rows } = options;
  if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from < to && to <= first.rows)) {
    throw new DataError(
      `rows: from ${from} to ${to} is no part of ${first.rows} rows, expected 0 ≤ from < to ≤ rows`,
    );
  }
  const held = new Map<number, Record<string, Numbers>>();
  const set = computed({
    samples: to - from,
    columns: Object.fromEntries(columns.map(([name, { shape, dtype }]) => [name, { shape, dtype }])),
    sample: (index) => {
      const row = index + from;
      const ready = held.get(row);
      held.delete(row);
      return ready ?? Object.fromEntries(columns.map(([name, column]) => [name, column.readRow(row)]));
    },
    ahead: async (indices) => {
      const wanted = Int32Array.from(new Set(indices.map((index) => index + from))).sort();
      const read = new Map<number, Record<string, Numbers>>(Array.from(wanted, (row) => [row, {}]));
      await Promise.all(
        columns.map(([name, column]) =>
          column.readAhead(wanted, (row, numbers) => {
            read.get(row)![name] = numbers;
          }),
        ),
      );
      for (const [row, sample] of read) held.set(row, sample);
    },
  });
  return set as Computed<never>;
}
