// Losses against class labels. The order of additions depends on the sizes alone, so equal inputs give equal bits.
import { addWide, loadLanes, loadUpTo4, storeLanes, storeUpTo4, sumWide } from "./lanes";
import { exp4, log4 } from "./math";
import { RUN_BYTES } from "./sums";

export function labelWeights(n: i32, ignored: i32, labels: usize, weight: usize, y: usize): void {
  for (let i = 0; i < n; i++, labels += 4, y += 4) {
    const label = load<i32>(labels);
    let value: f32 = 0;
    if (label != ignored) value = weight ? load<f32>(weight + (<usize>label << 2)) : 1;
    store<f32>(y, value);
  }
}

export function nll(rows: i32, cols: i32, x: usize, labels: usize, ignored: i32, y: usize): void {
  for (let r = 0; r < rows; r++, x += <usize>cols << 2, labels += 4, y += 4) {
    const label = load<i32>(labels);
    store<f32>(y, label == ignored ? 0 : -load<f32>(x + (<usize>label << 2)));
  }
}

export function nllGrad(rows: i32, cols: i32, dy: usize, labels: usize, ignored: i32, y: usize): void {
  memory.fill(y, 0, (<usize>rows * <usize>cols) << 2);
  for (let r = 0; r < rows; r++, dy += 4, labels += 4, y += <usize>cols << 2) {
    const label = load<i32>(labels);
    if (label != ignored) store<f32>(y + (<usize>label << 2), -load<f32>(dy));
  }
}

/** The maximum in all lanes. pmax(a, b) is a < b ? b : a: one instruction where max takes eight. It skips a NaN in b. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function horizontalMax(v: v128): v128 {
  const pairs = f32x4.pmax(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.pmax(pairs, v128.shuffle<i32>(pairs, pairs, 1, 0, 3, 2));
}

/** The last four elements of a row that ends at `end`; or all of its one to three, padded with zeros. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function loadLast(end: usize, cols: i32): v128 {
  return cols >= 4 ? v128.load(end - 16) : loadLanes(end - (<usize>cols << 2), cols);
}

/** The lanes of `loadLast` that the whole vectors before it have not covered. */
function lastLanes(cols: i32): v128 {
  const lanes = i32x4(0, 1, 2, 3);
  const rest = cols & 3;
  return cols >= 4 ? i32x4.ge_s(lanes, i32x4.splat(4 - rest)) : i32x4.lt_s(lanes, i32x4.splat(rest));
}

export function crossEntropy(
  rows: i32, cols: i32, x: usize, labels: usize, ignored: i32, smoothing: f32, y: usize,
): void {
  const row = <usize>cols << 2;
  const whole = row & ~15;
  const rest = cols & 3;
  const last = lastLanes(cols);
  const lowest = f32x4.splat(-Infinity);
  const column = <usize>rows << 2;
  const counted = y + column;
  const largest = counted + column;
  const logSums = largest + column;
  // The sums of exponentials first, as they need whole vectors of a row …
  for (let r = 0; r < rows; r++) {
    const start = x + <usize>r * row;
    const end = start + row;
    let m0 = rest ? f32x4.pmax(lowest, v128.bitselect(loadLast(end, cols), lowest, last)) : lowest;
    let m1 = lowest;
    let m2 = lowest;
    let m3 = lowest;
    let p = start;
    for (; p + 64 <= end; p += 64) {
      m0 = f32x4.pmax(m0, v128.load(p));
      m1 = f32x4.pmax(m1, v128.load(p, 16));
      m2 = f32x4.pmax(m2, v128.load(p, 32));
      m3 = f32x4.pmax(m3, v128.load(p, 48));
    }
    for (; p < start + whole; p += 16) m0 = f32x4.pmax(m0, v128.load(p));
    const most = horizontalMax(f32x4.pmax(f32x4.pmax(m0, m1), f32x4.pmax(m2, m3)));
    let sum = f64x2.splat(0);
    let distance = sum;
    for (p = start; p < start + whole; ) {
      let terms = f32x4.splat(0);
      let below = terms;
      for (const stop = min(p + RUN_BYTES, start + whole); p < stop; p += 16) {
        const v = f32x4.sub(v128.load(p), most);
        terms = f32x4.add(terms, exp4(v));
        if (smoothing != 0) below = f32x4.add(below, v);
      }
      sum = addWide(sum, terms);
      if (smoothing != 0) distance = addWide(distance, below);
    }
    if (rest) {
      // Masks the unused lanes afterwards: exp(-Infinity) underflows, which is slow on some processors.
      const below = v128.and(f32x4.sub(loadLast(end, cols), most), last);
      sum = addWide(sum, v128.and(exp4(below), last));
      distance = addWide(distance, below);
    }
    const at = <usize>r << 2;
    if (smoothing != 0) store<f32>(y + at, <f32>(-sumWide(distance) / <f64>cols));
    store<f32>(largest + at, f32x4.extract_lane(most, 0));
    store<f32>(logSums + at, <f32>sumWide(sum));
  }
  // … then the logarithms of four rows at a time …
  for (let left = rows, p = logSums; left > 0; left -= 4, p += 16) storeUpTo4(p, log4(loadUpTo4(p, left)), left);
  // … then the labels.
  for (let r = 0; r < rows; r++, x += row) {
    const at = <usize>r << 2;
    const label = load<i32>(labels + at);
    const logSum = load<f32>(logSums + at);
    let loss: f32 = NaN;
    if (<u32>label < <u32>cols) loss = logSum + (load<f32>(largest + at) - load<f32>(x + (<usize>label << 2)));
    if (smoothing != 0) loss = (1 - smoothing) * loss + smoothing * (logSum + load<f32>(y + at));
    store<f32>(y + at, label == ignored ? 0 : loss);
    store<f32>(counted + at, label == ignored ? 0 : 1);
  }
}

/** scale·(exp(x - most - logSum) - (column == label ? hit : 0) - floor) of four columns. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function gradLanes(
  x: v128, most: v128, logSum: v128, columns: v128, label: v128, hit: v128, floor: v128, scale: v128,
): v128 {
  const probability = exp4(f32x4.sub(f32x4.sub(x, most), logSum));
  const target = v128.and(i32x4.eq(columns, label), hit);
  return f32x4.mul(scale, f32x4.sub(f32x4.sub(probability, target), floor));
}

export function crossEntropyGrad(
  rows: i32, cols: i32, dy: usize, step: i32, x: usize, labels: usize, ignored: i32, smoothing: f32, saved: usize, y: usize,
): void {
  const row = <usize>cols << 2;
  const whole = row & ~15;
  const rest = cols & 3;
  const column = <usize>rows << 2;
  const hit = f32x4.splat(1 - smoothing);
  const floor = f32x4.splat(smoothing / <f32>cols);
  const firstColumns = i32x4(0, 1, 2, 3);
  saved += 2 * column;
  for (let r = 0; r < rows; r++, labels += 4, saved += 4, dy += <usize>step << 2, x += row, y += row) {
    const label = load<i32>(labels);
    if (label == ignored) {
      memory.fill(y, 0, row);
      continue;
    }
    const most = v128.load32_splat(saved);
    const logSum = v128.load32_splat(saved + column);
    const scale = f32x4.splat(<u32>label < <u32>cols ? load<f32>(dy) : NaN);
    const label4 = i32x4.splat(label);
    let columns = firstColumns;
    for (let i: usize = 0; i < whole; i += 16) {
      v128.store(y + i, gradLanes(v128.load(x + i), most, logSum, columns, label4, hit, floor, scale));
      columns = i32x4.add(columns, i32x4.splat(4));
    }
    if (!rest) continue;
    // The last four columns. It may recompute some, with the same bits.
    if (cols >= 4) columns = i32x4.add(firstColumns, i32x4.splat(cols - 4));
    const lanes = gradLanes(loadLast(x + row, cols), most, logSum, columns, label4, hit, floor, scale);
    if (cols >= 4) v128.store(y + row - 16, lanes);
    else storeLanes(y, lanes, cols);
  }
}
