// Kernels that read and write at int32 indices.

export function checkIndex(n: i32, limit: i32, index: usize): i32 {
  // As unsigned, a negative index is large.
  for (let i = 0; i < n; i++) if (load<u32>(index + (<usize>i << 2)) >= <u32>limit) return i;
  return -1;
}

export function flatIndex(
  d0: i32, d1: i32, d2: i32, d3: i32,
  index: usize, s0: i32, s1: i32, s2: i32, s3: i32, scale: i32,
  start: i32, t0: i32, t1: i32, t2: i32, t3: i32,
  y: usize,
): void {
  for (let i = 0; i < d0; i++) {
    for (let j = 0; j < d1; j++) {
      for (let k = 0; k < d2; k++) {
        let p = index + (<usize>(i * s0 + j * s1 + k * s2) << 2);
        let place = start + i * t0 + j * t1 + k * t2;
        for (let l = 0; l < d3; l++, p += <usize>s3 << 2, place += t3, y += 4) {
          store<i32>(y, load<i32>(p) * scale + place);
        }
      }
    }
  }
}

export function pick(rows: i32, cols: i32, x: usize, index: usize, y: usize): void {
  for (let r = 0; r < rows; r++, x += <usize>cols << 2, index += 4, y += 4) {
    store<f32>(y, load<f32>(x + (<usize>load<u32>(index) << 2)));
  }
}

export function place(rows: i32, cols: i32, dy: usize, index: usize, y: usize): void {
  memory.fill(y, 0, (<usize>rows * <usize>cols) << 2);
  for (let r = 0; r < rows; r++, dy += 4, index += 4, y += <usize>cols << 2) {
    store<f32>(y + (<usize>load<u32>(index) << 2), load<f32>(dy));
  }
}

export function gather(rows: i32, cols: i32, x: usize, index: usize, y: usize): void {
  if (cols == 1) {
    for (let r = 0; r < rows; r++, index += 4, y += 4) store<u32>(y, load<u32>(x + (<usize>load<u32>(index) << 2)));
    return;
  }
  const row = <usize>cols << 2;
  for (let r = 0; r < rows; r++, index += 4) {
    let p = x + <usize>load<u32>(index) * row;
    const end = y + row;
    for (; y + 64 <= end; p += 64, y += 64) {
      v128.store(y, v128.load(p));
      v128.store(y, v128.load(p, 16), 16);
      v128.store(y, v128.load(p, 32), 32);
      v128.store(y, v128.load(p, 48), 48);
    }
    for (; y + 16 <= end; p += 16, y += 16) v128.store(y, v128.load(p));
    for (; y < end; p += 4, y += 4) store<u32>(y, load<u32>(p));
  }
}

/** Row by row, so that additions to the same place follow the order of rows. */
export function scatterAdd(rows: i32, cols: i32, x: usize, index: usize, y: usize): void {
  const row = <usize>cols << 2;
  for (let r = 0; r < rows; r++, index += 4) {
    let q = y + <usize>load<u32>(index) * row;
    const end = x + row;
    for (; x + 16 <= end; x += 16, q += 16) v128.store(q, f32x4.add(v128.load(q), v128.load(x)));
    for (; x < end; x += 4, q += 4) store<f32>(q, load<f32>(q) + load<f32>(x));
  }
}

export function gatherUint8(rows: i32, cols: i32, x: usize, index: usize, scale: f32, shift: f32, y: usize): void {
  const scales = f32x4.splat(scale);
  const shifts = f32x4.splat(shift);
  for (let r = 0; r < rows; r++, index += 4) {
    let p = x + <usize>load<u32>(index) * <usize>cols;
    let c = 0;
    for (; c + 8 <= cols; c += 8, p += 8, y += 32) {
      const words = v128.load8x8_u(p);
      const low = f32x4.convert_i32x4_u(v128.extend_low<u16>(words));
      const high = f32x4.convert_i32x4_u(v128.extend_high<u16>(words));
      v128.store(y, f32x4.add(f32x4.mul(low, scales), shifts));
      v128.store(y, f32x4.add(f32x4.mul(high, scales), shifts), 16);
    }
    for (; c < cols; c++, p++, y += 4) store<f32>(y, <f32>load<u8>(p) * scale + shift);
  }
}
