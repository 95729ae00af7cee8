// Reads a TensorBoard event file by the book, and throws for anything else: a second opinion, which shares no code with
// what writes it. TFRecord's frames, CRC-32C bit by bit, and protobuf's wire format.

export interface ReadEvent {
  wallTime: number;
  step: number;
  fileVersion?: string;
  values?: Record<string, number>;
  sessionStatus?: number;
}

function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

const fail = (reason: string): never => {
  throw new Error(`event file: ${reason}`);
};

type Value = number | Uint8Array;

/** The fields of a message in order: varints and fixed numbers, or bytes. */
function* fieldsOf(bytes: Uint8Array): Generator<[number: number, value: Value]> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = view.getUint8(at++);
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const [field, wire] = [key >>> 3, key & 7];
    if (wire === 0) yield [field, varint()];
    else if (wire === 1) {
      yield [field, view.getFloat64(at, true)];
      at += 8;
    } else if (wire === 5) {
      yield [field, view.getFloat32(at, true)];
      at += 4;
    } else if (wire === 2) {
      const length = varint();
      if (at + length > bytes.length) fail("a field is cut");
      yield [field, bytes.subarray(at, at + length)];
      at += length;
    } else fail(`wire type ${wire}`);
  }
}

const text = (bytes: Value) => new TextDecoder("utf-8", { fatal: true }).decode(bytes as Uint8Array);

function readSummary(bytes: Uint8Array): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [field, value] of fieldsOf(bytes)) {
    if (field !== 1) fail(`field ${field} of a summary`);
    const parts = new Map(fieldsOf(value as Uint8Array));
    if (parts.size !== 2 || !parts.has(1) || typeof parts.get(2) !== "number")
      fail("a value without a number");
    values[text(parts.get(1)!)] = parts.get(2) as number;
  }
  return values;
}

function readEvent(bytes: Uint8Array): ReadEvent {
  const event: ReadEvent = { wallTime: Number.NaN, step: 0 };
  for (const [field, value] of fieldsOf(bytes)) {
    if (field === 1) event.wallTime = value as number;
    else if (field === 2) event.step = value as number;
    else if (field === 3) event.fileVersion = text(value);
    else if (field === 5) event.values = readSummary(value as Uint8Array);
    else if (field === 7) event.sessionStatus = new Map(fieldsOf(value as Uint8Array)).get(1) as number;
    else fail(`field ${field} of an event`);
  }
  return event;
}

/** The events of a file. */
export function readEvents(file: Uint8Array): ReadEvent[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const events: ReadEvent[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    if (view.getUint32(at + 8, true) !== masked(file.subarray(at, at + 8))) fail("the sum of a length");
    const bytes = file.subarray(at + 12, at + 12 + length);
    if (view.getUint32(at + 12 + length, true) !== masked(bytes)) fail("the sum of an event");
    events.push(readEvent(bytes));
    at += 16 + length;
  }
  return events;
}
