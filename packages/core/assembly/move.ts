// Kernels that move elements without interpreting them. They move bits, not floats, so int32 tensors use them, too.

export function copy(
  d0: i32, d1: i32, d2: i32, d3: i32,
  x: usize, s0: i32, s1: i32, s2: i32, s3: i32,
  y: usize, t0: i32, t1: i32, t2: i32, t3: i32,
): void {
  // Both matrices are dense, one along the rows, the other along the columns.
  const transposes = s2 == 1 && t3 == 1 && s3 != 1;
  for (let i = 0; i < d0; i++) {
    for (let j = 0; j < d1; j++) {
      let p = x + ((<usize>i * <usize>s0 + <usize>j * <usize>s1) << 2);
      let q = y + ((<usize>i * <usize>t0 + <usize>j * <usize>t1) << 2);
      if (transposes) transpose(d2, d3, p, <usize>s3 << 2, q, <usize>t2 << 2);
      else {
        for (let k = 0; k < d2; k++, p += <usize>s2 << 2, q += <usize>t2 << 2) copyRow(d3, p, s3, q, t3);
      }
    }
  }
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function copyRow(n: i32, x: usize, xStride: i32, y: usize, yStride: i32): void {
  let i = 0;
  if (yStride == 1) {
    if (xStride == 1) {
      for (; i + 16 <= n; i += 16, x += 64, y += 64) {
        v128.store(y, v128.load(x));
        v128.store(y, v128.load(x, 16), 16);
        v128.store(y, v128.load(x, 32), 32);
        v128.store(y, v128.load(x, 48), 48);
      }
      for (; i + 4 <= n; i += 4, x += 16, y += 16) v128.store(y, v128.load(x));
    } else if (xStride == 0 && n > 3) {
      const lanes = v128.load32_splat(x);
      for (; i + 4 <= n; i += 4, y += 16) v128.store(y, lanes);
    }
  }
  for (; i < n; i++, x += <usize>xStride << 2, y += <usize>yStride << 2) store<u32>(y, load<u32>(x));
}

/** `y[k,l] = x[l,k]` for k < rows, l < cols; rows of `x` and `y` are dense, `xRow` and `yRow` bytes apart. */
function transpose(rows: i32, cols: i32, x: usize, xRow: usize, y: usize, yRow: usize): void {
  // Blocks of 16 x 16 touch whole cache lines and few pages on both sides. Larger ones fall out of the first-level
  // cache if rows are a power of two apart.
  for (let top = 0; top < rows; top += 16) {
    const bottom = min(top + 16, rows);
    for (let left = 0; left < cols; left += 16) {
      const right = min(left + 16, cols);
      transposeBlock(top, bottom, left, right, x, xRow, y, yRow);
    }
  }
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function transposeBlock(
  top: i32, bottom: i32, left: i32, right: i32,
  x: usize, xRow: usize, y: usize, yRow: usize,
): void {
  let k = top;
  for (; k + 4 <= bottom; k += 4) {
    let l = left;
    let p = x + <usize>l * xRow + (<usize>k << 2);
    let q = y + <usize>k * yRow + (<usize>l << 2);
    for (; l + 4 <= right; l += 4, p += 4 * xRow, q += 16) {
      const a = v128.load(p);
      const b = v128.load(p + xRow);
      const c = v128.load(p + 2 * xRow);
      const d = v128.load(p + 3 * xRow);
      const abLow = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
      const cdLow = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
      const abHigh = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
      const cdHigh = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
      v128.store(q, v128.shuffle<i64>(abLow, cdLow, 0, 2));
      v128.store(q + yRow, v128.shuffle<i64>(abLow, cdLow, 1, 3));
      v128.store(q + 2 * yRow, v128.shuffle<i64>(abHigh, cdHigh, 0, 2));
      v128.store(q + 3 * yRow, v128.shuffle<i64>(abHigh, cdHigh, 1, 3));
    }
    for (; l < right; l++, p += xRow, q += 4) {
      for (let r: usize = 0; r < 4; r++) store<u32>(q + r * yRow, load<u32>(p + (r << 2)));
    }
  }
  for (; k < bottom; k++) {
    for (let l = left; l < right; l++) {
      store<u32>(y + <usize>k * yRow + (<usize>l << 2), load<u32>(x + <usize>l * xRow + (<usize>k << 2)));
    }
  }
}

export function band(batch: i32, rows: i32, cols: i32, low: i32, high: i32, x: usize, y: usize): void {
  const row = <usize>cols << 2;
  for (let b = 0; b < batch; b++) {
    for (let r = 0; r < rows; r++, x += row, y += row) {
      // Columns from `start` to `end` are in the band.
      const start = <usize>max(0, min(cols, r + low)) << 2;
      const end = <usize>max(0, min(cols, r + high + 1)) << 2;
      if (end <= start) {
        memory.fill(y, 0, row);
        continue;
      }
      memory.fill(y, 0, start);
      memory.copy(y + start, x + start, end - start);
      memory.fill(y + end, 0, row - end);
    }
  }
}
