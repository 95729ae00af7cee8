// The header of a .npy file: its type, its shape, and where its numbers begin.
// https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
import { DataError } from "../errors.ts";

export interface NpyHeader {
  /** NumPy's name without the byte order, such as f4 or i8. */
  readonly type: string;
  readonly shape: readonly number[];
  readonly fortranOrder: boolean;
  /** Bytes before the first number. */
  readonly start: number;
}

/** How much of a file holds any header that NumPy writes. */
export const mostHeaderBytes = 1 << 16;

/**
 * @param name the file, for messages
 * @param bytes the beginning of the file
 * @throws DataError unless it is a .npy file of plain little-endian numbers
 */
export function parseNpyHeader(operation: string, name: string, bytes: Uint8Array): NpyHeader {
  const bad = (what: string) => new DataError(`${operation}: ${name} ${what}`);
  const text = Buffer.from(bytes.subarray(0, mostHeaderBytes)).toString("latin1");
  if (!text.startsWith("\x93NUMPY")) throw bad("is no .npy file; write it by numpy.save");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isOld = bytes[6] === 1;
  const lengthBytes = isOld ? 2 : 4;
  if (bytes.length < 8 + lengthBytes) throw bad("has a header that cannot be read; is it whole?");
  const start = 8 + lengthBytes + (isOld ? view.getUint16(8, true) : view.getUint32(8, true));
  const header = text.slice(8 + lengthBytes, start);
  const type = /'descr'\s*:\s*('[^']*'|\[)/.exec(header)?.[1];
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header)?.[1];
  const shape = /'shape'\s*:\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  if (type === undefined || order === undefined || shape === undefined) {
    throw bad("has a header that cannot be read; is it whole?");
  }
  if (!/^'[<|](f[248]|[iu][1248]|b1)'$/.test(type)) {
    throw bad(
      type === "["
        ? "holds records of several fields, expected plain numbers; write a file per field"
        : `holds ${type}, expected numbers in little-endian order (f2 f4 f8, i1 to i8, u1 to u8, b1); convert it by astype`,
    );
  }
  const lengths = shape.split(",").filter((part) => part.trim() !== "");
  return { type: type.slice(2, -1), shape: lengths.map(Number), fortranOrder: order === "True", start };
}
