// NumPy's files: .npy by npyjs, .npz by fflate. Numbers of all types, int64 too, in row-major order.
import { unzip } from "fflate";
import { parse } from "npyjs";
import { DataError } from "../errors.ts";
import { parseNpyHeader } from "./npy-header.ts";
import type { NumberArray } from "./number-array.ts";
import type { FilePath } from "./source.ts";
import { pathOf, readBytes, shownPath } from "./source.ts";

type Numbers = NumberArray["data"];

/** From NumPy's column-major order to row-major. */
function rowMajor(data: Numbers, shape: readonly number[]): Numbers {
  const sorted = new (data.constructor as Float64ArrayConstructor)(data.length) as unknown as Float64Array;
  const index = shape.map(() => 0);
  const strides = shape.map((_, axis) => shape.slice(0, axis).reduce((a, b) => a * b, 1));
  for (let i = 0; i < data.length; i++) {
    let from = 0;
    for (let axis = 0; axis < shape.length; axis++) from += index[axis]! * strides[axis]!;
    sorted[i] = data[from] as number;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) index[axis] = 0;
  }
  return sorted;
}

/** @param name the file, for messages */
function parseNpy(operation: string, name: string, bytes: Uint8Array): NumberArray {
  const bad = (what: string, cause?: unknown) => new DataError(`${operation}: ${name} ${what}`, { cause });
  parseNpyHeader(operation, name, bytes);
  try {
    const parsed = parse(bytes.slice().buffer as ArrayBuffer);
    const { shape, fortranOrder } = parsed;
    const found = parsed.data as unknown as Numbers | boolean[];
    const data = Array.isArray(found) ? Uint8Array.from(found, Number) : found;
    const size = shape.reduce((a, b) => a * b, 1);
    if (data.length !== size) {
      throw bad(
        `holds ${data.length} numbers, expected ${size} for shape [${shape.join(",")}]; it is not whole`,
      );
    }
    return { data: fortranOrder ? rowMajor(data, shape) : data, shape };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw bad("is not whole; copy it again", error);
  }
}

/**
 * Reads an array that `numpy.save` wrote. Booleans become bytes, float16 float32; int64 stays what it is, which a column takes.
 *
 * @throws DataError for a file that is none, and for types that are no numbers
 */
export async function readNpy(source: FilePath): Promise<NumberArray> {
  const path = pathOf("readNpy", source);
  return parseNpy("readNpy", shownPath(path), await readBytes("readNpy", path));
}

/**
 * Reads the arrays that `numpy.savez` or `numpy.savez_compressed` wrote, by name.
 *
 * @throws DataError for a file that is none, and for types that are no numbers
 */
export async function readNpz(source: FilePath): Promise<Record<string, NumberArray>> {
  const path = pathOf("readNpz", source);
  const name = shownPath(path);
  const bytes = await readBytes("readNpz", path);
  const files = await new Promise<Record<string, Uint8Array>>((resolve, reject) => {
    unzip(bytes, (error, found) => {
      if (!error) return resolve(found);
      reject(
        new DataError(
          `readNpz: ${name} cannot be unpacked: ${error.message}; is it an .npz file, and whole?`,
          {
            cause: error,
          },
        ),
      );
    });
  });
  const arrays = Object.entries(files).map(([file, content]): [string, NumberArray] => [
    file.replace(/\.npy$/, ""),
    parseNpy("readNpz", `${name}: ${file}`, content),
  ]);
  if (arrays.length === 0) throw new DataError(`readNpz: ${name} holds no arrays; expected at least one`);
  return Object.fromEntries(arrays);
}
