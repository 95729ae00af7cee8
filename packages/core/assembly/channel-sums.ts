// Sums over everything but the channels of [outer, channels, inner], for channels.ts. Terms and order are those of
// sums.ts.
import { scratch } from "./scratch";
import { clearTotals, PLAIN, STRIPE, sumColumns, sumStripe, sumTerms, writeTotals } from "./sums";

// Channels with at most so many elements are summed as one column per element; the columns are added afterwards.
const NARROW: i32 = 128;

// The scratch memory: float64 totals of a stripe and of its squares, and float32 sums for each column.
export const COLUMN_TOTALS: usize = <usize>STRIPE << 3;
export const COLUMNS: usize = <usize>STRIPE << 2;

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function columnArray(i: usize): usize {
  return scratch + 2 * COLUMN_TOTALS + i * COLUMNS;
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function isNarrow(inner: i32): bool {
  return inner > 0 && inner <= NARROW;
}

/** Each of n numbers `count` times. */
export function repeat(n: i32, count: i32, x: usize, y: usize): void {
  for (const end = x + (<usize>n << 2); x < end; x += 4) {
    for (const last = y + (<usize>count << 2); y < last; y += 4) store<f32>(y, load<f32>(x));
  }
}

/** y[channel] = sum of terms; `center` and `rest` may be 0. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function channelSums(
  code: i32, outer: i32, channels: i32, inner: i32, a: usize, b: usize, center: usize, rest: usize, y: usize,
): void {
  if (inner == 1) sumColumns(code, outer, channels, a, b, center, rest, y);
  else if (isNarrow(inner)) narrowSums(code, outer, channels, inner, a, b, center, rest, y);
  else wideSums(code, outer, channels, inner, a, b, center, rest, y);
}

function narrowSums(
  code: i32, outer: i32, channels: i32, inner: i32, a: usize, b: usize, center: usize, rest: usize, y: usize,
): void {
  const step = (<usize>channels * <usize>inner) << 2;
  const sums = columnArray(0);
  for (let left = channels; left > 0; left -= STRIPE / inner) {
    const count = min(left, STRIPE / inner);
    const cols = count * inner;
    if (center) repeat(count, inner, center, columnArray(1));
    if (rest) repeat(count, inner, rest, columnArray(2));
    const c: usize = center ? columnArray(1) : 0;
    const r: usize = rest ? columnArray(2) : 0;
    sumStripe(code, outer, cols, a, b, step, c, r, sums);
    let p = sums;
    for (const end = y + (<usize>count << 2); y < end; y += 4) {
      let total: f64 = 0;
      for (const last = p + (<usize>inner << 2); p < last; p += 4) total += <f64>load<f32>(p);
      store<f32>(y, <f32>total);
    }
    a += <usize>cols << 2;
    b += <usize>cols << 2;
    if (center) center += <usize>count << 2;
    if (rest) rest += <usize>count << 2;
  }
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function wideSums(
  code: i32, outer: i32, channels: i32, inner: i32, a: usize, b: usize, center: usize, rest: usize, y: usize,
): void {
  const zero = f32x4.splat(0);
  const size = <usize>inner << 2;
  const step = <usize>channels * size;
  for (let start = 0; start < channels; start += STRIPE) {
    const end = <usize>min(channels - start, STRIPE) << 2;
    const from = <usize>start << 2;
    clearTotals(<i32>(end >> 2), scratch);
    for (let o = 0; o < outer; o++) {
      let p = a + <usize>o * step + <usize>start * size;
      let q = b + <usize>o * step + <usize>start * size;
      for (let c: usize = 0; c < end; c += 4, p += size, q += size) {
        const m = center ? v128.load32_splat(center + from + c) : zero;
        const r = rest ? v128.load32_splat(rest + from + c) : zero;
        const to = scratch + (c << 1);
        store<f64>(to, load<f64>(to) + sumTerms(code, inner, p, q, m, r));
      }
    }
    writeTotals(<i32>(end >> 2), scratch, y + from);
  }
}

/** Not inlined, so that there is only one copy. */
export function plainSums(outer: i32, channels: i32, inner: i32, x: usize, y: usize): void {
  channelSums(PLAIN, outer, channels, inner, x, 0, 0, 0, y);
}
