// Transposes rows of floats to lanes and back: the elements at one position of four rows form one vector.

/** Vectors i < 4 at `to + i·toStep` from the lanes i of those at p0 … p3. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function transpose4(p0: usize, p1: usize, p2: usize, p3: usize, to: usize, toStep: usize): void {
  const x0 = v128.load(p0);
  const x1 = v128.load(p1);
  const x2 = v128.load(p2);
  const x3 = v128.load(p3);
  const low01 = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
  const low23 = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
  const high01 = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
  const high23 = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(low01, low23, 0, 2));
  to += toStep;
  v128.store(to, v128.shuffle<i64>(low01, low23, 1, 3));
  to += toStep;
  v128.store(to, v128.shuffle<i64>(high01, high23, 0, 2));
  to += toStep;
  v128.store(to, v128.shuffle<i64>(high01, high23, 1, 3));
}

/** Vectors i < n at `to + i·toStep` from positions i of up to 4 rows, `fromStep` bytes apart; other lanes are 0. */
export function interleave(n: i32, rows: i32, from: usize, fromStep: usize, to: usize, toStep: usize): void {
  let i = 0;
  if (rows >= 4 && n >= 4) {
    while (i < n) {
      i = min(i, n - 4); // The last vectors overlap the previous ones, and write the same.
      const p = from + (<usize>i << 2);
      transpose4(p, p + fromStep, p + 2 * fromStep, p + 3 * fromStep, to + <usize>i * toStep, toStep);
      i += 4;
    }
  }
  for (; i < n; i++) {
    const p = from + (<usize>i << 2);
    let v = v128.load32_zero(p);
    if (rows > 1) v = v128.load32_lane(p + fromStep, v, 1);
    if (rows > 2) v = v128.load32_lane(p + 2 * fromStep, v, 2);
    if (rows > 3) v = v128.load32_lane(p + 3 * fromStep, v, 3);
    v128.store(to + <usize>i * toStep, v);
  }
}

/** The reverse: n contiguous vectors at `from` become up to 4 rows of n floats, `toStep` bytes apart. */
export function separate(n: i32, rows: i32, from: usize, to: usize, toStep: usize): void {
  let i = 0;
  if (rows >= 4 && n >= 4) {
    while (i < n) {
      i = min(i, n - 4);
      const p = from + (<usize>i << 4);
      transpose4(p, p + 16, p + 32, p + 48, to + (<usize>i << 2), toStep);
      i += 4;
    }
  }
  for (; i < n; i++) storeColumn(v128.load(from + (<usize>i << 4)), rows, to + (<usize>i << 2), toStep);
}

/** Stores the first lanes of a vector `toStep` bytes apart. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
export function storeColumn(v: v128, rows: i32, to: usize, toStep: usize): void {
  v128.store32_lane(to, v, 0);
  if (rows > 1) v128.store32_lane(to + toStep, v, 1);
  if (rows > 2) v128.store32_lane(to + 2 * toStep, v, 2);
  if (rows > 3) v128.store32_lane(to + 3 * toStep, v, 3);
}
