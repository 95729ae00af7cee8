// Adding rows to a table, in the order of rows.

export function addRows(rows: i32, cols: i32, x: usize, index: usize, y: usize): void {
  const size = <usize>cols << 2;
  for (let r = 0; r < rows; r++, index += 4) {
    let to = y + <usize>load<u32>(index) * size;
    const end = x + size;
    for (; x + 16 <= end; x += 16, to += 16) v128.store(to, f32x4.add(v128.load(to), v128.load(x)));
    for (; x < end; x += 4, to += 4) store<f32>(to, load<f32>(to) + load<f32>(x));
  }
}
