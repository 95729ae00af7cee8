// Kernels that read at places given by int32 indices.

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
  const row = <usize>cols << 2;
  for (let r = 0; r < rows; r++, index += 4, y += row) memory.copy(y, x + <usize>load<u32>(index) * row, row);
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
