// The innermost loops of direct convolution (convolution.ts): tiles of 8 sums in registers. There are three forms, for
// 4, 2 and 1 output channels at a time. Vectors hold four samples; convolution.ts knows what they mean. As in gemm.ts,
// 8 sums, the operands and a product fit in V8's 15 registers.

// a·b + c. With relaxed SIMD the machine decides whether it rounds once or twice; without, always twice.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f32>(a, b, c);
  else return f32x4.add(f32x4.mul(a, b), c);
}

// Sums over taps, for several pixels and channels. `weights` begins with the initial sums; then each tap has a value
// per channel. `taps` are byte offsets from the pixels' addresses p0, p1, …. The loop skips `first` taps, then `runs`
// times takes `length` taps and skips `gap` (all in bytes of `taps`). Results go to `to`, with channels `toStep` apart.

export function sum4x2(
  p0: usize, p1: usize, weights: usize, taps: usize, first: usize, runs: i32, length: usize, gap: usize,
  to: usize, toStep: usize,
): void {
  let c00 = v128.load32_splat(weights), c10 = v128.load32_splat(weights, 4);
  let c20 = v128.load32_splat(weights, 8), c30 = v128.load32_splat(weights, 12);
  let c01 = c00, c11 = c10, c21 = c20, c31 = c30;
  let w = weights + 16 + first * 4;
  let t = taps + first;
  for (; runs > 0; runs--) {
    for (const end = t + length; t < end; t += 4, w += 16) {
      const offset = load<u32>(t);
      const b0 = v128.load(p0 + offset);
      const b1 = v128.load(p1 + offset);
      let x = v128.load32_splat(w);
      c00 = madd(x, b0, c00);
      c01 = madd(x, b1, c01);
      x = v128.load32_splat(w, 4);
      c10 = madd(x, b0, c10);
      c11 = madd(x, b1, c11);
      x = v128.load32_splat(w, 8);
      c20 = madd(x, b0, c20);
      c21 = madd(x, b1, c21);
      x = v128.load32_splat(w, 12);
      c30 = madd(x, b0, c30);
      c31 = madd(x, b1, c31);
    }
    t += gap;
    w += gap * 4;
  }
  v128.store(to, c00);
  v128.store(to, c01, 16);
  to += toStep;
  v128.store(to, c10);
  v128.store(to, c11, 16);
  to += toStep;
  v128.store(to, c20);
  v128.store(to, c21, 16);
  to += toStep;
  v128.store(to, c30);
  v128.store(to, c31, 16);
}

export function sum2x4(
  p0: usize, p1: usize, p2: usize, p3: usize, weights: usize, taps: usize, first: usize, runs: i32, length: usize,
  gap: usize, to: usize, toStep: usize,
): void {
  let c00 = v128.load32_splat(weights), c10 = v128.load32_splat(weights, 4);
  let c01 = c00, c02 = c00, c03 = c00, c11 = c10, c12 = c10, c13 = c10;
  let w = weights + 8 + first * 2;
  let t = taps + first;
  for (; runs > 0; runs--) {
    for (const end = t + length; t < end; t += 4, w += 8) {
      const offset = load<u32>(t);
      const x0 = v128.load32_splat(w);
      const x1 = v128.load32_splat(w, 4);
      let b = v128.load(p0 + offset);
      c00 = madd(x0, b, c00);
      c10 = madd(x1, b, c10);
      b = v128.load(p1 + offset);
      c01 = madd(x0, b, c01);
      c11 = madd(x1, b, c11);
      b = v128.load(p2 + offset);
      c02 = madd(x0, b, c02);
      c12 = madd(x1, b, c12);
      b = v128.load(p3 + offset);
      c03 = madd(x0, b, c03);
      c13 = madd(x1, b, c13);
    }
    t += gap;
    w += gap * 2;
  }
  v128.store(to, c00);
  v128.store(to, c01, 16);
  v128.store(to, c02, 32);
  v128.store(to, c03, 48);
  to += toStep;
  v128.store(to, c10);
  v128.store(to, c11, 16);
  v128.store(to, c12, 32);
  v128.store(to, c13, 48);
}

export function sum1x8(
  p0: usize, p1: usize, p2: usize, p3: usize, p4: usize, p5: usize, p6: usize, p7: usize,
  weights: usize, taps: usize, first: usize, runs: i32, length: usize, gap: usize, to: usize,
): void {
  let c0 = v128.load32_splat(weights);
  let c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
  let w = weights + 4 + first;
  let t = taps + first;
  for (; runs > 0; runs--) {
    for (const end = t + length; t < end; t += 4, w += 4) {
      const offset = load<u32>(t);
      const x = v128.load32_splat(w);
      c0 = madd(x, v128.load(p0 + offset), c0);
      c1 = madd(x, v128.load(p1 + offset), c1);
      c2 = madd(x, v128.load(p2 + offset), c2);
      c3 = madd(x, v128.load(p3 + offset), c3);
      c4 = madd(x, v128.load(p4 + offset), c4);
      c5 = madd(x, v128.load(p5 + offset), c5);
      c6 = madd(x, v128.load(p6 + offset), c6);
      c7 = madd(x, v128.load(p7 + offset), c7);
    }
    t += gap;
    w += gap;
  }
  v128.store(to, c0);
  v128.store(to, c1, 16);
  v128.store(to, c2, 32);
  v128.store(to, c3, 48);
  v128.store(to, c4, 64);
  v128.store(to, c5, 80);
  v128.store(to, c6, 96);
  v128.store(to, c7, 112);
}

// Sums over pixels and samples, for several taps and channels. `pixels` to `end` are records of `step` bytes that begin
// with a byte offset from the taps' addresses t0, t1, …. `dy` has a vector per channel for each pixel. The sums are
// added at `to`, which has one float per channel for each tap.

export function dot4x2(t0: usize, t1: usize, dy: usize, pixels: usize, end: usize, step: usize, to: usize): void {
  let c00 = f32x4.splat(0), c10 = c00, c20 = c00, c30 = c00;
  let c01 = c00, c11 = c00, c21 = c00, c31 = c00;
  for (; pixels < end; pixels += step, dy += 64) {
    const offset = load<u32>(pixels);
    const b0 = v128.load(t0 + offset);
    const b1 = v128.load(t1 + offset);
    let x = v128.load(dy);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load(dy, 16);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load(dy, 32);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load(dy, 48);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
  }
  addLanes(to, c00, c10, c20, c30);
  addLanes(to + 16, c01, c11, c21, c31);
}

export function dot2x4(
  t0: usize, t1: usize, t2: usize, t3: usize, dy: usize, pixels: usize, end: usize, step: usize, to: usize,
): void {
  let c00 = f32x4.splat(0), c01 = c00, c02 = c00, c03 = c00;
  let c10 = c00, c11 = c00, c12 = c00, c13 = c00;
  for (; pixels < end; pixels += step, dy += 32) {
    const offset = load<u32>(pixels);
    const x0 = v128.load(dy);
    const x1 = v128.load(dy, 16);
    let b = v128.load(t0 + offset);
    c00 = madd(x0, b, c00);
    c10 = madd(x1, b, c10);
    b = v128.load(t1 + offset);
    c01 = madd(x0, b, c01);
    c11 = madd(x1, b, c11);
    b = v128.load(t2 + offset);
    c02 = madd(x0, b, c02);
    c12 = madd(x1, b, c12);
    b = v128.load(t3 + offset);
    c03 = madd(x0, b, c03);
    c13 = madd(x1, b, c13);
  }
  addLanes(to, c00, c10, c01, c11);
  addLanes(to + 16, c02, c12, c03, c13);
}

export function dot1x8(
  t0: usize, t1: usize, t2: usize, t3: usize, t4: usize, t5: usize, t6: usize, t7: usize,
  dy: usize, pixels: usize, end: usize, step: usize, to: usize,
): void {
  let c0 = f32x4.splat(0), c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0, c6 = c0, c7 = c0;
  for (; pixels < end; pixels += step, dy += 16) {
    const offset = load<u32>(pixels);
    const x = v128.load(dy);
    c0 = madd(x, v128.load(t0 + offset), c0);
    c1 = madd(x, v128.load(t1 + offset), c1);
    c2 = madd(x, v128.load(t2 + offset), c2);
    c3 = madd(x, v128.load(t3 + offset), c3);
    c4 = madd(x, v128.load(t4 + offset), c4);
    c5 = madd(x, v128.load(t5 + offset), c5);
    c6 = madd(x, v128.load(t6 + offset), c6);
    c7 = madd(x, v128.load(t7 + offset), c7);
  }
  addLanes(to, c0, c1, c2, c3);
  addLanes(to + 16, c4, c5, c6, c7);
}

// Adds the sum of the lanes of each of four vectors to four floats.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function addLanes(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = f32x4.add(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  const sums = f32x4.add(v128.shuffle<i64>(ab, cd, 0, 2), v128.shuffle<i64>(ab, cd, 1, 3));
  v128.store(to, f32x4.add(v128.load(to), sums));
}
