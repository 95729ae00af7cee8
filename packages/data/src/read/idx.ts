// IDX files, the format of the original MNIST: a magic number, the lengths of the dimensions, big-endian numbers.
// http://yann.lecun.com/exdb/mnist describes it.
import { DataError } from "../errors.ts";
import type { NumberArray } from "./number-array.ts";
import type { FilePath } from "./source.ts";
import { pathOf, readBytes, shownPath } from "./source.ts";

type Read = (bytes: DataView, at: number) => number;
type Type = readonly [Float32ArrayConstructor | Float64ArrayConstructor | Int32ArrayConstructor, Read];

/** Types by their code; bytes are copied as they are. */
const types: Readonly<Record<number, Type>> = {
  9: [Int32Array, (bytes, at) => bytes.getInt8(at)],
  11: [Int32Array, (bytes, at) => bytes.getInt16(at)],
  12: [Int32Array, (bytes, at) => bytes.getInt32(at)],
  13: [Float32Array, (bytes, at) => bytes.getFloat32(at)],
  14: [Float64Array, (bytes, at) => bytes.getFloat64(at)],
};
const bytesOf: Readonly<Record<number, number>> = { 8: 1, 9: 1, 11: 2, 12: 4, 13: 4, 14: 8 };

/**
 * Reads an IDX file, such as `train-images-idx3-ubyte.gz`.
 *
 * @throws DataError for a file that is none, or not whole
 */
export async function readIdx(source: FilePath): Promise<NumberArray> {
  const path = pathOf("readIdx", source);
  const bytes = await readBytes("readIdx", path);
  const bad = (what: string) => new DataError(`readIdx: ${shownPath(path)} ${what}`);
  const [zero, alsoZero, code = 0, rank = 0] = bytes;
  const width = bytesOf[code];
  if (zero !== 0 || alsoZero !== 0 || width === undefined || rank === 0) {
    const packed = zero === 0x1f && alsoZero === 0x8b ? "; it is packed: let its name end in .gz" : "";
    throw bad(`is no IDX file: it begins with ${[...bytes.subarray(0, 4)].join(" ")}${packed}`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const start = 4 + 4 * rank;
  if (bytes.length < start) throw bad("is not whole; copy it again");
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const size = shape.reduce((a, b) => a * b, 1);
  if (bytes.length !== start + size * width) {
    throw bad(
      `holds ${bytes.length - start} bytes, expected ${size * width} for shape [${shape.join(",")}]; it is not whole`,
    );
  }
  if (code === 8) return { data: new Uint8Array(bytes.subarray(start)), shape };
  const [array, read] = types[code]!;
  const data = new array(size);
  for (let i = 0; i < size; i++) data[i] = read(view, start + i * width);
  return { data, shape };
}
