// float32 numbers as their bits, and back.
const bits = new DataView(new ArrayBuffer(4));

/** The float32 nearest to a number, as its bits. */
export function bitsOf(x: number): number {
  bits.setFloat32(0, x);
  return bits.getUint32(0);
}

/** The float32 that has these bits. */
export function fromBits(word: number): number {
  bits.setUint32(0, word >>> 0);
  return bits.getFloat32(0);
}
