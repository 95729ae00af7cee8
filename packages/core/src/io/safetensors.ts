// Writing tensors in the safetensors format (https://huggingface.co/docs/safetensors): an 8-byte header length,
// a JSON header padded with spaces to a multiple of 8, then the elements, little-endian, in one run.

import type { DType } from "../dtype.ts";
import { ValueError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";

const formatNames: Record<DType, string> = { float32: "F32", float64: "F64", int32: "I32", uint8: "U8" };

/**
 * The bytes of a safetensors file with the given tensors, in their order.
 *
 * @param metadata text stored beside the tensors
 * @throws ValueError if a tensor has the reserved name `__metadata__`
 */
export function writeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: Tensor]>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  const header: [string, unknown][] = metadata ? [["__metadata__", metadata]] : [];
  const parts: Uint8Array[] = [];
  const names = new Set<string>();
  let end = 0;
  for (const [name, tensor] of tensors) {
    if (name === "__metadata__" || names.has(name)) {
      throw new ValueError(
        `writeSafetensors: the name "${name}" is reserved or used twice; rename the tensor`,
      );
    }
    names.add(name);
    const values = tensor.toArray();
    const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    const start = end;
    end += bytes.length;
    header.push([
      name,
      { dtype: formatNames[tensor.dtype], shape: tensor.shape, data_offsets: [start, end] },
    ]);
    parts.push(bytes);
  }
  // Object.fromEntries defines own properties, so even a tensor named __proto__ is written as it should be.
  const text = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const padded = Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(8 + padded + end);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.fill(0x20, 8, 8 + padded);
  file.set(text, 8);
  let at = 8 + padded;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}
