// Tensors as files in the safetensors format (https://huggingface.co/docs/safetensors). First comes an 8-byte header
// length, then a JSON header padded with spaces to a multiple of 8. The elements follow, little-endian, without gaps.
// This file converts the elements; the header is safetensors-header.ts's part.

import { kindOf } from "../arguments.ts";
import type { DType } from "../dtype.ts";
import { bytesPerElement } from "../dtype.ts";
import { DTypeError, ValueError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";
import type { SafetensorsSource, TensorEntry } from "./safetensors-header.ts";
import { maximumHeaderBytes, quoted, readHeader } from "./safetensors-header.ts";

const formatNames: Record<DType, string> = { float32: "F32", float64: "F64", int32: "I32", uint8: "U8" };

/** What a file holds. */
export interface Safetensors {
  /** By name, in the order of the header. */
  tensors: Map<string, Tensor>;
  /** The metadata; empty if there is none. */
  metadata: Record<string, string>;
}

/** How to read a dtype: as which of ours, and, if they cannot be copied, how to convert one element. */
interface Reader {
  dtype: DType;
  /** The element at byte `at`: a value for int32, the bits for float32. */
  read?: (view: DataView, at: number) => number | bigint;
  bytes?: number;
}

const readers: Readonly<Record<string, Reader>> = {
  F32: { dtype: "float32" },
  F64: { dtype: "float64" },
  I32: { dtype: "int32" },
  U8: { dtype: "uint8" },
  F16: { dtype: "float32", bytes: 2, read: (view, at) => float32Bits(view.getUint16(at, true)) },
  BF16: { dtype: "float32", bytes: 2, read: (view, at) => view.getUint16(at, true) << 16 },
  BOOL: { dtype: "int32", bytes: 1, read: (view, at) => view.getUint8(at) },
  I8: { dtype: "int32", bytes: 1, read: (view, at) => view.getInt8(at) },
  I16: { dtype: "int32", bytes: 2, read: (view, at) => view.getInt16(at, true) },
  U16: { dtype: "int32", bytes: 2, read: (view, at) => view.getUint16(at, true) },
  U32: { dtype: "int32", bytes: 4, read: (view, at) => view.getUint32(at, true) },
  I64: { dtype: "int32", bytes: 8, read: (view, at) => view.getBigInt64(at, true) },
  U64: { dtype: "int32", bytes: 8, read: (view, at) => view.getBigUint64(at, true) },
};

/** The bits of a half-precision number as a float32 of the same value; a NaN keeps its payload. */
function float32Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13);
  if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal: fraction · 2⁻²⁴, its leading one at bit `lead`.
  const lead = 31 - Math.clz32(fraction);
  return sign | ((lead + 103) << 23) | ((fraction << (23 - lead)) & 0x7fffff);
}

/** Reads a tensor that begins at a byte of the file. */
function decode(
  source: SafetensorsSource,
  { name, dtype, shape, ...at }: TensorEntry,
  start: number,
): Tensor {
  const { dtype: own, read, bytes } = readers[dtype]!;
  const x = Tensor.allocate(Object.freeze(shape), own, "readSafetensors");
  const length = at.end - at.start;
  // Copies bytes, so tensors may be unaligned in the file.
  if (!read) source.read(start, heap().uint8.subarray(x.address, x.address + length));
  else {
    const data = new Uint8Array(length);
    source.read(start, data);
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const { int32 } = heap();
    const first = x.address / bytesPerElement[own];
    for (let i = 0; i < x.size; i++) {
      const value = read(view, i * bytes!);
      const word = Number(value);
      // For float32 the bits are those of an int32 already.
      if (word !== (word | 0)) {
        throw new DTypeError(
          `readSafetensors: tensor ${quoted(name)} is ${dtype} with ${value} at element ${i}, which int32 cannot hold; store it as F64`,
        );
      }
      int32[first + i] = word;
    }
  }
  return x;
}

/**
 * The tensors of a safetensors file. F32, F64, I32 and U8 keep their type. F16 and BF16 become float32. BOOL, I8, I16
 * and U16 become int32, and so do U32, I64 and U64 if their values fit. Checks the whole file before it makes anything;
 * an error leaves nothing behind.
 *
 * @param file its bytes, or where to read them from, which takes no more memory than the tensors
 * @throws FormatError if it is not a valid file
 * @throws DTypeError if none of our dtypes holds a tensor's dtype, or an integer; MemoryError if there is no room
 */
export function readSafetensors(file: Uint8Array | SafetensorsSource): Safetensors {
  const source = file instanceof Uint8Array ? sourceOf(file) : file;
  if (typeof source?.read !== "function") {
    throw new ValueError(
      `readSafetensors: got ${kindOf(file)}, expected a Uint8Array, such as the one that readFile() gives`,
    );
  }
  const { entries, metadata, dataStart } = readHeader(source);
  for (const { name, dtype } of entries) {
    if (!Object.hasOwn(readers, dtype)) {
      throw new DTypeError(
        `readSafetensors: tensor ${quoted(name)} is ${dtype}, expected one of ${Object.keys(readers).join(", ")}; convert it before`,
      );
    }
  }
  return scope(() => {
    const tensors = new Map<string, Tensor>();
    for (const entry of entries) tensors.set(entry.name, decode(source, entry, dataStart + entry.start));
    return { tensors, metadata };
  });
}

/** Where a tensor of a file lies: the first byte of its elements, and how many bytes they have. */
export interface StoredTensor {
  readonly name: string;
  /** Ours, if the elements are stored as we have them in memory; else the file's word for it. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly start: number;
  readonly bytes: number;
}

/**
 * The tensors of a safetensors file, without their elements: reads and checks the header only.
 *
 * @throws FormatError if it is not a valid file
 */
export function storedTensors(source: SafetensorsSource): StoredTensor[] {
  const { entries, dataStart } = readHeader(source);
  return entries.map(({ name, dtype, shape, start, end }) => {
    const reader = Object.hasOwn(readers, dtype) ? readers[dtype] : undefined;
    const told = reader && !reader.read ? reader.dtype : dtype;
    return { name, dtype: told, shape, start: dataStart + start, bytes: end - start };
  });
}

const sourceOf = (bytes: Uint8Array): SafetensorsSource => ({
  bytes: bytes.length,
  read: (start, into) => into.set(bytes.subarray(start, start + into.length)),
});

/** Tensors by name: a map such as `model.stateDict()`, a plain object, or pairs. */
export type NamedTensors =
  | Iterable<readonly [name: string, tensor: Tensor]>
  | Readonly<Record<string, Tensor>>;

function checkName(kind: string, name: unknown): void {
  if (typeof name !== "string" || !name.isWellFormed()) {
    throw new ValueError(
      `writeSafetensors: ${kind} ${typeof name === "string" ? quoted(name) : typeof name}, expected a string of valid Unicode`,
    );
  }
}

/** The named tensors of a map, a record or a list of pairs. */
function entriesOf(tensors: unknown): { name: string; tensor: Tensor; start: number }[] {
  const refuse = (got: string, remedy: string) =>
    new ValueError(`writeSafetensors: got ${got}, expected tensors by name, as in a Map; ${remedy}`);
  const isObject = typeof tensors === "object" && tensors !== null;
  if (isObject && "stateDict" in tensors && typeof tensors.stateDict === "function") {
    throw refuse(kindOf(tensors), "pass model.stateDict()");
  }
  const isRecord = isObject && [Object.prototype, null].includes(Object.getPrototypeOf(tensors));
  if (!isObject || !(isRecord || Symbol.iterator in tensors) || ArrayBuffer.isView(tensors)) {
    throw refuse(kindOf(tensors), "pass a Map, an object, or pairs of name and tensor");
  }
  const entries = Symbol.iterator in tensors ? (tensors as Iterable<unknown>) : Object.entries(tensors);
  return Array.from(entries, (entry, i) => {
    if (!Array.isArray(entry))
      throw refuse(`${kindOf(entry)} as entry ${i}`, "pass pairs of name and tensor");
    const [name, tensor] = entry;
    checkName("a tensor's name is", name);
    if (!(tensor instanceof Tensor))
      throw refuse(`${kindOf(tensor)} for ${quoted(name)}`, "store tensors only");
    return { name, tensor, start: 0 };
  });
}

/**
 * The bytes of a safetensors file with the given tensors. Stores their elements by element size, largest first, so that
 * each tensor is aligned; the header lists them in the given order.
 *
 * @param tensors by name: a map such as `model.stateDict()`, a plain object, or pairs
 * @param metadata text stored in the header
 * @throws ValueError if a tensor has the reserved name `__metadata__` or that of another, if names or metadata are not
 *   strings of valid Unicode, if a value is not a named tensor, or the header is too long
 */
export function writeSafetensors(
  tensors: NamedTensors,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const { bytes, parts } = safetensorsParts(tensors, metadata);
  const file = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts()) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

/** A safetensors file, part by part. */
export interface SafetensorsParts {
  /** Of the whole file. */
  bytes: number;
  /** The header, and the elements of each tensor as they are then. */
  parts(): Iterable<Uint8Array>;
}

/** A tensor's elements as bytes. */
function bytesIn(tensor: Tensor): Uint8Array[] {
  const { buffer, byteOffset, byteLength } = tensor.contiguous ? tensor.data() : tensor.toArray();
  return [new Uint8Array(buffer, byteOffset, byteLength)];
}

/**
 * What `writeSafetensors` writes, in parts that take no memory besides the tensors'; throws like it.
 *
 * @param elementsOf the bytes of a tensor's elements, in parts; by default those that it has then
 */
export function safetensorsParts(
  tensors: NamedTensors,
  metadata?: Readonly<Record<string, string>>,
  elementsOf: (tensor: Tensor) => Iterable<Uint8Array> = bytesIn,
): SafetensorsParts {
  for (const [key, value] of Object.entries(metadata ?? {})) {
    checkName("a key of the metadata is", key);
    checkName(`the metadata of ${quoted(key)} is`, value);
  }
  const parts = entriesOf(tensors);
  const names = new Set(["__metadata__"]);
  for (const { name } of parts) {
    if (names.has(name)) {
      throw new ValueError(
        `writeSafetensors: the name ${quoted(name)} is reserved or used twice; rename the tensor`,
      );
    }
    names.add(name);
  }
  const bytesOf = (tensor: Tensor) => tensor.size * bytesPerElement[tensor.dtype];
  const inFile = parts.toSorted((a, b) => bytesPerElement[b.tensor.dtype] - bytesPerElement[a.tensor.dtype]);
  let end = 0;
  for (const part of inFile) {
    part.start = end;
    end += bytesOf(part.tensor);
  }
  const header = parts.map(({ name, tensor, start }) => {
    const { dtype, shape } = tensor;
    return [name, { dtype: formatNames[dtype], shape, data_offsets: [start, start + bytesOf(tensor)] }];
  });
  // Object.fromEntries defines own properties, so even a tensor named __proto__ is written correctly.
  const text = new TextEncoder().encode(
    JSON.stringify(Object.fromEntries([...(metadata ? [["__metadata__", metadata]] : []), ...header])),
  );
  const padded = Math.ceil(text.length / 8) * 8;
  if (padded > maximumHeaderBytes) {
    throw new ValueError(
      `writeSafetensors: the header has ${padded} bytes, expected at most ${maximumHeaderBytes}; use fewer tensors or less metadata`,
    );
  }
  const head = new Uint8Array(8 + padded);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.fill(0x20, 8, 8 + padded);
  head.set(text, 8);
  return {
    bytes: 8 + padded + end,
    *parts() {
      yield head;
      for (const { tensor } of inFile) yield* elementsOf(tensor);
    },
  };
}
