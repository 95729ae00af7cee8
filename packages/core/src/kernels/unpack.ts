// Unpacks what scripts/pack.ts packed: base64 of runs of new bytes and of copies, as LZ4 has them. The kernels become a
// third as long by that, which also makes a program quicker to load.

/**
 * What is read, and where the next byte is. A variable that a closure shares would do, but V8 14.6 (Node.js 26) compiles it
 * wrongly in half of all processes: a byte was written twice.
 */
interface Reader {
  readonly input: string;
  next: number;
}

/** A length that did not fit its half of a byte goes on at the reader's place. */
function wholeLength(half: number, reader: Reader): number {
  let length = half;
  for (let more = half === 15 ? 255 : 0; more === 255; length += more)
    more = reader.input.charCodeAt(reader.next++);
  return length;
}

/** The first `size` bytes of what was packed. */
export function unpack(packed: string, size: number): Uint8Array<ArrayBuffer> {
  const reader: Reader = { input: atob(packed), next: 0 };
  const { input } = reader;
  const bytes = new Uint8Array(size);
  let at = 0;
  while (at < size) {
    const lengths = input.charCodeAt(reader.next++);
    const freshEnd = at + wholeLength(lengths >> 4, reader);
    while (at < freshEnd) bytes[at++] = input.charCodeAt(reader.next++);
    const distance = input.charCodeAt(reader.next++) + 256 * input.charCodeAt(reader.next++);
    const copyEnd = at + 4 + wholeLength(lengths & 15, reader);
    for (; at < copyEnd; at++) bytes[at] = bytes[at - distance]!;
  }
  return bytes;
}

/** FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv/): what is unpacked wrongly must not compute. */
export function checksumOf(bytes: Uint8Array): number {
  let sum = 0x811c9dc5 | 0;
  for (const byte of bytes) sum = Math.imul(sum ^ byte, 0x01000193);
  return sum;
}
