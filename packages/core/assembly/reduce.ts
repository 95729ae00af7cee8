// Reductions of [outer, length, inner] along the middle axis: sums, products, extrema and their positions. The order of
// operations depends on the sizes alone, so equal inputs give equal bits.
import { loadLanes, storeLanes } from "./lanes";
import { combine, MAX, MIN, neutral, PROD, reduceRow } from "./rows";
import { PLAIN, STRIPE, sumColumns, sumTerms } from "./sums";

export function sum(outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  const zero = f32x4.splat(0);
  const step = <usize>inner << 2;
  for (; outer > 0; outer--, x += <usize>length * step, y += step) {
    if (inner == 1) store<f32>(y, <f32>sumTerms(PLAIN, length, x, 0, zero, zero));
    else sumColumns(PLAIN, length, inner, x, 0, 0, 0, y);
  }
}

/** What the next `rows` rows (1 or 8) add to the result in some columns; `count` is 4, or fewer for the last columns. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function partOfRows(code: i32, rows: i32, p: usize, row: usize, count: i32): v128 {
  if (rows == 1) return loadCount(p, count);
  const p4 = p + (row << 2);
  return combine(code, partOfFour(code, p, row, count), partOfFour(code, p4, row, count));
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function partOfFour(code: i32, p: usize, row: usize, count: i32): v128 {
  const p2 = p + (row << 1);
  const first = combine(code, loadCount(p, count), loadCount(p + row, count));
  return combine(code, first, combine(code, loadCount(p2, count), loadCount(p2 + row, count)));
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function loadCount(p: usize, count: i32): v128 {
  return count == 4 ? v128.load(p) : loadLanes(p, count);
}

/** Combines the next `rows` rows (1 or 8) with a stripe of results. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function accumulate(code: i32, rows: i32, cols: i32, x: usize, row: usize, y: usize): void {
  const end = y + (<usize>(cols & ~3) << 2);
  for (; y < end; x += 16, y += 16) v128.store(y, combine(code, v128.load(y), partOfRows(code, rows, x, row, 4)));
  const rest = cols & 3;
  if (rest) storeLanes(y, combine(code, loadLanes(y, rest), partOfRows(code, rows, x, row, rest)), rest);
}

/** One output row of `inner` elements from `length` input rows, in stripes of columns. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function reduceRows(code: i32, length: i32, inner: i32, x: usize, y: usize): void {
  const row = <usize>inner << 2;
  for (let start = 0; start < inner; start += STRIPE, x += STRIPE << 2, y += STRIPE << 2) {
    const cols = min(inner - start, STRIPE);
    const lanes = neutral(code);
    for (let i = 0; i < cols; i++) store<f32>(y + (<usize>i << 2), f32x4.extract_lane(lanes, 0));
    let p = x;
    let left = length;
    for (; left >= 8; left -= 8, p += row << 3) accumulate(code, 8, cols, p, row, y);
    for (; left > 0; left--, p += row) accumulate(code, 1, cols, p, row, y);
  }
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function reduce(code: i32, outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  const block = (<usize>length * <usize>inner) << 2;
  for (; outer > 0; outer--, x += block, y += <usize>inner << 2) {
    if (inner == 1) store<f32>(y, f32x4.extract_lane(reduceRow(code, length, x), 0));
    else reduceRows(code, length, inner, x, y);
  }
}

export function prod(outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  reduce(PROD, outer, length, inner, x, y);
}
export { maxOver as max, minOver as min };
function maxOver(outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  reduce(MAX, outer, length, inner, x, y);
}
function minOver(outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  reduce(MIN, outer, length, inner, x, y);
}

/** The first position of a row's extremum, or of a NaN. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function placeInRow(code: i32, length: i32, x: usize): i32 {
  const extremum = reduceRow(code, length, x);
  const isNaN = f32x4.ne(extremum, extremum);
  for (let i = 0; i < length; i += 4, x += 16) {
    // Lanes past the end are 0, which may equal the extremum. But then an earlier position was already found, or lies
    // further left in these lanes.
    const v = i + 4 <= length ? v128.load(x) : loadLanes(x, length - i);
    const found = i32x4.bitmask(v128.or(f32x4.eq(v, extremum), v128.and(isNaN, f32x4.ne(v, v))));
    if (found) return i + ctz(found);
  }
  return 0;
}

/** The same for up to four columns of `length` rows. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function placesInColumns(code: i32, length: i32, x: usize, row: usize, count: i32): v128 {
  let places = i32x4.splat(0);
  let best = count < 4 ? loadLanes(x, count) : v128.load(x);
  for (let r = 1; r < length; r++) {
    x += row;
    const v = count < 4 ? loadLanes(x, count) : v128.load(x);
    const firstNaN = v128.and(f32x4.ne(v, v), f32x4.eq(best, best));
    const better = v128.or(code == MAX ? f32x4.gt(v, best) : f32x4.lt(v, best), firstNaN);
    best = v128.bitselect(v, best, better);
    places = v128.bitselect(i32x4.splat(r), places, better);
  }
  return places;
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function places(code: i32, outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  const row = <usize>inner << 2;
  for (; outer > 0; outer--, x += <usize>length * row, y += row) {
    if (inner == 1) store<i32>(y, placeInRow(code, length, x));
    else {
      for (let i = 0; i < inner; i += 4) {
        const count = min(inner - i, 4);
        const at = <usize>i << 2;
        const lanes = placesInColumns(code, length, x + at, row, count);
        if (count < 4) storeLanes(y + at, lanes, count);
        else v128.store(y + at, lanes);
      }
    }
  }
}

export function argmax(outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  places(MAX, outer, length, inner, x, y);
}
export function argmin(outer: i32, length: i32, inner: i32, x: usize, y: usize): void {
  places(MIN, outer, length, inner, x, y);
}
