// Predicts the outcome of each input to readSafetensors independently, with JSON.parse and regular expressions. Valid
// files must be read, all others refused with the right error, and nothing left behind.
import { DTypeError, FormatError, readSafetensors } from "../src/index.ts";
import { heap } from "../src/memory/heap.ts";

/** Bits per element of the format's dtypes. */
export const bits: Readonly<Record<string, number>> = {
  ...{ F64: 64, I64: 64, U64: 64, C64: 64, F32: 32, I32: 32, U32: 32, F16: 16, BF16: 16, I16: 16, U16: 16 },
  ...{ I8: 8, U8: 8, BOOL: 8, F8_E5M2: 8, F8_E4M3: 8, F8_E8M0: 8, F8_E4M3FNUZ: 8, F8_E5M2FNUZ: 8 },
  ...{ F6_E2M3: 6, F6_E3M2: 6, F4: 4 },
};

/** The dtypes that it reads. */
export const readable = "F64 F32 I32 U8 F16 BF16 I8 I16 U16 BOOL I64 U64 U32".split(" ");

type Judgement = "valid" | "unreadable" | "invalid";
type Header = Record<string, Record<string, unknown>>;

function require(condition: unknown): asserts condition {
  if (!condition) throw new Error("invalid");
}

const isObject = (value: unknown) => value !== null && typeof value === "object" && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === "string" && value.isWellFormed();
const areIntegers = (list: unknown): list is number[] =>
  Array.isArray(list) && list.every((value) => Number.isSafeInteger(value));

/** The header's value, if its text is JSON without duplicate keys and with numbers in plain digits. */
function parseHeader(text: string): Header {
  require(/^\{[\s\S]*\} *$/.test(text));
  const plain = (_key: string, value: unknown, context?: { source: string }) => {
    require(typeof value !== "number" || /^\d+$/.test(context!.source));
    return value;
  };
  const header = JSON.parse(text, plain) as Header;
  const objects = [header, ...Object.values(header)];
  require(objects.every(isObject));
  // JSON.parse keeps the last duplicate key, so the text then has more keys than the objects.
  const strings = [...text.matchAll(/"(?:[^"\\]|\\[\s\S])*"(\s*:)?/g)];
  const keys = strings.filter((match) => match[1]).length;
  require(keys === objects.reduce((total, object) => total + Object.keys(object).length, 0));
  return header;
}

/** The size in bytes, unless a product exceeds 64 bits. */
function sizeOf(shape: readonly number[], dtype: string): number {
  let size = 1n;
  for (const factor of [...shape, bits[dtype]!]) {
    size *= BigInt(factor);
    require(size <= 0xffff_ffff_ffff_ffffn);
  }
  require(size % 8n === 0n);
  return Number(size / 8n);
}

/** Whether our dtypes can hold the elements. */
function fits(dtype: string, { buffer }: Uint8Array<ArrayBuffer>): boolean {
  if (dtype === "U32") return new Uint32Array(buffer).every((value) => value < 2 ** 31);
  if (dtype === "U64") return new BigUint64Array(buffer).every((value) => value < 2n ** 31n);
  if (dtype === "I64") return new BigInt64Array(buffer).every((value) => BigInt.asIntN(32, value) === value);
  return readable.includes(dtype);
}

function judgeOrThrow(bytes: Uint8Array): Judgement {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, bytes.length).getBigUint64(0, true));
  const dataStart = 8 + length;
  require(length <= 100_000_000 && dataStart <= bytes.length);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  const header = parseHeader(decoder.decode(bytes.slice(8, dataStart)));
  let readableAll = true;
  const spans: [start: number, end: number][] = [];
  for (const [name, entry] of Object.entries(header)) {
    require([name, ...Object.keys(entry)].every(isText));
    if (name === "__metadata__") {
      require(Object.values(entry).every(isText));
      continue;
    }
    require(Object.keys(entry).sort().join() === "data_offsets,dtype,shape");
    const { dtype, shape, data_offsets: span } = entry;
    require(isText(dtype) && Object.hasOwn(bits, dtype));
    require(areIntegers(shape) && areIntegers(span) && span.length === 2);
    const [start, end] = span as [number, number];
    require(end - start === sizeOf(shape, dtype));
    spans.push([start, end]);
    readableAll &&= fits(dtype, new Uint8Array(bytes.slice(dataStart + start, dataStart + end)));
  }
  spans.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  require(spans.every(([start], i) => start === (i === 0 ? 0 : spans[i - 1]![1])));
  require(dataStart + (spans.at(-1)?.[1] ?? 0) === bytes.length);
  return readableAll ? "valid" : "unreadable";
}

/** Whether a file is valid, and then, whether our dtypes can hold its elements. */
export function judge(bytes: Uint8Array): Judgement {
  try {
    return judgeOrThrow(bytes);
  } catch {
    return "invalid";
  }
}

/** Reads one input, and throws if anything differs from the prediction. Returns the outcome. */
export function check(bytes: Uint8Array): Judgement {
  const { arena } = heap();
  const before = arena.live;
  const expected = judge(bytes);
  let found: Judgement = "valid";
  try {
    const { tensors } = readSafetensors(bytes);
    for (const tensor of tensors.values()) tensor.dispose();
  } catch (error) {
    if (error instanceof DTypeError) found = "unreadable";
    else if (error instanceof FormatError) found = "invalid";
    else throw error;
  }
  if (found !== expected) throw new Error(`a file that is ${expected} was taken for ${found}`);
  if (arena.live !== before) throw new Error(`${arena.live - before} bytes are left behind`);
  return found;
}
