// Softmax with scale and mask, and its gradient. A row stays in the first-level cache during its three passes.
import { addWide, firstLanes, loadLanes, storeLanes, sumWide } from "./lanes";
import { exp4 } from "./math";
import { RUN_BYTES } from "./sums";

const NO_MASK: i32 = 0;
const ADDED: i32 = 1;

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function horizontalMax(v: v128): f32 {
  const pairs = f32x4.max(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return max(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

/** x·scale + added. If `added` is -Infinity, so is the result, whatever x is. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function score(x: v128, scale: v128, added: v128): v128 {
  const hidden = f32x4.eq(added, f32x4.splat(-Infinity));
  return v128.bitselect(added, f32x4.add(f32x4.mul(x, scale), added), hidden);
}

/** The mask values for four scores, of which `count` exist. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function maskLanes(kind: i32, mask: usize, step: i32, count: i32): v128 {
  if (kind == ADDED) {
    if (step == 0) return v128.load32_splat(mask);
    return count < 4 ? loadLanes(mask, count) : v128.load(mask);
  }
  let bytes: v128;
  if (step == 0) bytes = v128.load8_splat(mask);
  else if (count < 4) {
    bytes = v128.load8_splat(mask);
    if (count > 1) bytes = v128.load8_lane(mask + 1, bytes, 1);
    if (count > 2) bytes = v128.load8_lane(mask + 2, bytes, 2);
  } else bytes = v128.load32_zero(mask);
  const words = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
  return v128.and(i32x4.eq(words, i32x4.splat(0)), f32x4.splat(-Infinity));
}

/** Writes the scores of one row to `y`, and returns the largest. Skips NaN, which reappears in the row's sum. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function scoreRow(kind: i32, n: i32, scale: v128, x: usize, mask: usize, step: i32, y: usize): f32 {
  let most = f32x4.splat(-Infinity);
  const none = f32x4.splat(-0.0);
  const advance: usize = step == 0 ? 0 : kind == ADDED ? 16 : 4;
  for (const end = y + (<usize>(n & ~3) << 2); y < end; x += 16, y += 16, mask += advance) {
    const added = kind == NO_MASK ? none : maskLanes(kind, mask, step, 4);
    const t = kind == NO_MASK ? f32x4.mul(v128.load(x), scale) : score(v128.load(x), scale, added);
    most = f32x4.pmax(most, t);
    v128.store(y, t);
  }
  const rest = n & 3;
  if (rest) {
    const added = kind == NO_MASK ? none : maskLanes(kind, mask, step, rest);
    const t = score(loadLanes(x, rest), scale, added);
    most = f32x4.pmax(most, v128.bitselect(t, most, firstLanes(rest)));
    storeLanes(y, t, rest);
  }
  return horizontalMax(most);
}

/** The softmax of a row, in place, given its largest score. */
function normalizeRow(n: i32, most: f32, y: usize): void {
  const size = <usize>n << 2;
  const whole = <usize>(n & ~3) << 2;
  const rest = n & 3;
  const shift = f32x4.splat(most);
  let total = f64x2.splat(0);
  for (let i: usize = 0; i < whole; ) {
    let sums = f32x4.splat(0);
    for (const end = min(i + RUN_BYTES, whole); i < end; i += 16) {
      const e = exp4(f32x4.sub(v128.load(y + i), shift));
      sums = f32x4.add(sums, e);
      v128.store(y + i, e);
    }
    total = addWide(total, sums);
  }
  if (rest) {
    const e = exp4(f32x4.sub(loadLanes(y + whole, rest), shift));
    total = addWide(total, v128.and(e, firstLanes(rest)));
    storeLanes(y + whole, e, rest);
  }
  const share = <f32>(1 / sumWide(total));
  const shares = f32x4.splat(share);
  for (let i: usize = 0; i < whole; i += 16) v128.store(y + i, f32x4.mul(v128.load(y + i), shares));
  for (let i = whole; i < size; i += 4) store<f32>(y + i, load<f32>(y + i) * share);
}

/** A row that sees nothing gives zeros, unless it has a NaN. */
function clearRow(n: i32, size: usize, y: usize): void {
  let sum: f32 = 0;
  for (let i = 0; i < n; i++) sum += load<f32>(y + (<usize>i << 2));
  if (sum == sum) memory.fill(y, 0, size);
  else for (let i: usize = 0; i < size; i += 4) store<f32>(y + i, i < <usize>n << 2 ? NaN : 0);
}

export function maskedSoftmax(
  outer: i32, rows: i32, cols: i32, scale: f32, causal: i32, x: usize,
  maskKind: i32, mask: usize, maskOuter: i32, maskRow: i32, maskCol: i32, y: usize,
): void {
  const size = <usize>cols << 2;
  const scales = f32x4.splat(scale);
  const maskShift: usize = maskKind == ADDED ? 2 : 0;
  for (let o = 0; o < outer; o++, mask += <usize>maskOuter << maskShift) {
    let p = mask;
    for (let r = 0; r < rows; r++, x += size, y += size, p += <usize>maskRow << maskShift) {
      const n = causal ? min(cols, r + 1) : cols;
      let most: f32;
      if (maskKind == NO_MASK) most = scoreRow(NO_MASK, n, scales, x, 0, 0, y);
      else if (maskKind == ADDED) most = scoreRow(ADDED, n, scales, x, p, maskCol, y);
      else most = scoreRow(2, n, scales, x, p, maskCol, y);
      const seen = <usize>n << 2;
      if (most == -Infinity) clearRow(n, size, y);
      else {
        normalizeRow(n, most, y);
        memory.fill(y + seen, 0, size - seen);
      }
    }
  }
}

export function maskedSoftmaxGrad(rows: i32, cols: i32, scale: f32, dy: usize, y: usize, dx: usize): void {
  const size = <usize>cols << 2;
  const whole = <usize>(cols & ~3) << 2;
  const rest = cols & 3;
  const scales = f32x4.splat(scale);
  for (let r = 0; r < rows; r++, dy += size, y += size, dx += size) {
    let total = f64x2.splat(0);
    for (let i: usize = 0; i < whole; ) {
      let sums = f32x4.splat(0);
      for (const end = min(i + RUN_BYTES, whole); i < end; i += 16) {
        sums = f32x4.add(sums, f32x4.mul(v128.load(dy + i), v128.load(y + i)));
      }
      total = addWide(total, sums);
    }
    if (rest) total = addWide(total, f32x4.mul(loadLanes(dy + whole, rest), loadLanes(y + whole, rest)));
    const sum = f32x4.splat(<f32>sumWide(total));
    for (let i: usize = 0; i < whole; i += 16) {
      const weighted = f32x4.mul(scales, v128.load(y + i));
      v128.store(dx + i, f32x4.mul(weighted, f32x4.sub(v128.load(dy + i), sum)));
    }
    if (rest) {
      const weighted = f32x4.mul(scales, loadLanes(y + whole, rest));
      storeLanes(dx + whole, f32x4.mul(weighted, f32x4.sub(loadLanes(dy + whole, rest), sum)), rest);
    }
  }
}
