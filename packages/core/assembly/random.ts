// Random masks from a Philox 4x32-10 stream (see src/random.ts): four blocks of four numbers at a time, one a lane.

/** i32x4.mul gives the lower 32 bits of the products; this gives the upper ones. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function multiplyHigh(a: v128, b: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(a, b), i64x2.extmul_high_i32x4_u(a, b), 1, 3, 5, 7);
}

/** 1 in the lanes whose word, without its lowest 8 bits, is at least `threshold`. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function atLeast(word: v128, threshold: v128): v128 {
  return v128.and(i32x4.ge_u(i32x4.shr_u(word, 8), threshold), i32x4.splat(1));
}

/** 16 bytes of mask from the four blocks at `block` … `block + 3`; lane b belongs to block b. */
function maskOfBlocks(block: u64, cells: usize, threshold: v128): v128 {
  const low = i32x4.splat(<i32>block);
  let x0 = i32x4.add(low, i32x4(0, 1, 2, 3));
  // A lane whose low word overflowed carries one to the high word (the comparison gives -1).
  const high = i32x4.splat(<i32>(block >> 32) + (load<i32>(cells, 8) << 19));
  let x1 = i32x4.sub(high, i32x4.lt_u(x0, low));
  let x2 = v128.load32_splat(cells, 12);
  let x3 = v128.load32_splat(cells, 16);
  let k0 = v128.load32_splat(cells);
  let k1 = v128.load32_splat(cells, 4);
  const m0 = i32x4.splat(0xd2511f53);
  const m1 = i32x4.splat(0xcd9e8d57);
  for (let round = 0; round < 10; round++) {
    const high0 = multiplyHigh(m0, x0);
    const high1 = multiplyHigh(m1, x2);
    const low0 = i32x4.mul(m0, x0);
    x0 = v128.xor(v128.xor(high1, x1), k0);
    x1 = i32x4.mul(m1, x2);
    x2 = v128.xor(v128.xor(high0, x3), k1);
    x3 = low0;
    k0 = i32x4.add(k0, i32x4.splat(0x9e3779b9));
    k1 = i32x4.add(k1, i32x4.splat(0xbb67ae85));
  }
  return v128.or(
    v128.or(atLeast(x0, threshold), i32x4.shl(atLeast(x1, threshold), 8)),
    v128.or(i32x4.shl(atLeast(x2, threshold), 16), i32x4.shl(atLeast(x3, threshold), 24)),
  );
}

export function dropoutMask(n: i32, threshold: i32, cells: usize, position: f64, mask: usize): void {
  let block = (<u64>load<u32>(cells, 20) | (<u64>load<u32>(cells, 24) << 32)) + (<u64>position >> 2);
  const least = i32x4.splat(threshold);
  const end = mask + (<usize>n & ~15);
  for (; mask < end; mask += 16, block += 4) v128.store(mask, maskOfBlocks(block, cells, least));
  const rest = n & 15;
  if (rest == 0) return;
  let bytes = maskOfBlocks(block, cells, least);
  for (let i = 0; i < rest; i++, mask++) {
    store<u8>(mask, i8x16.extract_lane_u(bytes, 0));
    bytes = v128.shuffle<i8>(bytes, bytes, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0);
  }
}

export function dropout(n: i32, scale: f32, x: usize, mask: usize, y: usize): void {
  const scales = f32x4.splat(scale);
  const zero = i32x4.splat(0);
  const end = y + (<usize>(n & ~7) << 2);
  for (; y < end; x += 32, mask += 8, y += 32) {
    const keep = v128.load8x8_u(mask);
    const first = i32x4.ne(i32x4.extend_low_i16x8_u(keep), zero);
    const second = i32x4.ne(i32x4.extend_high_i16x8_u(keep), zero);
    v128.store(y, v128.and(f32x4.mul(v128.load(x), scales), first));
    v128.store(y, v128.and(f32x4.mul(v128.load(x, 16), scales), second), 16);
  }
  for (let i = 0; i < (n & 7); i++, x += 4, mask++, y += 4) store<f32>(y, load<u8>(mask) ? load<f32>(x) * scale : 0);
}
