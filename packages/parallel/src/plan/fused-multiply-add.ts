// Whether relaxed SIMD fuses here: its multiply-add rounds once on processors with FMA and twice on others, so the bits
// differ.

/** `(a, b, c) => a·b + c` by `f32x4.relaxed_madd`, as a module of its own. */
const module = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  // Type: three f32 to one.
  ...[0x01, 0x08, 0x01, 0x60, 0x03, 0x7d, 0x7d, 0x7d, 0x01, 0x7d],
  // One function of this type, exported as "f".
  ...[0x03, 0x02, 0x01, 0x00],
  ...[0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x00],
  // local.get i, f32x4.splat, for each; f32x4.relaxed_madd; f32x4.extract_lane 0; end.
  ...[0x0a, 0x16, 0x01, 0x14, 0x00],
  ...[0x20, 0x00, 0xfd, 0x13, 0x20, 0x01, 0xfd, 0x13, 0x20, 0x02, 0xfd, 0x13],
  ...[0xfd, 0x85, 0x02, 0xfd, 0x1f, 0x00, 0x0b],
]);

/** Undefined without relaxed SIMD. */
export function relaxedFuses(): boolean | undefined {
  if (!WebAssembly.validate(module)) return undefined;
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(module)).exports;
  // (1 + 2^-12)² is 1 + 2^-11 + 2^-24; rounding to float32 drops the last term.
  const x = 1 + 2 ** -12;
  return (f as (a: number, b: number, c: number) => number)(x, x, -(1 + 2 ** -11)) !== 0;
}
