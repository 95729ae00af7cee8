export function gemm(
  batch: i32, m: i32, n: i32, k: i32,
  a: usize, aBatch: i32, aRow: i32, aCol: i32,
  b: usize, bBatch: i32, bRow: i32, bCol: i32,
  c: usize, cBatch: i32, cRow: i32, beta: i32,
): void {
  for (let z = 0; z < batch; z++) {
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        const p = c + ((<usize>(z * cBatch + i * cRow + j)) << 2);
        let s: f32 = beta ? load<f32>(p) : 0;
        for (let l = 0; l < k; l++) {
          s += load<f32>(a + ((<usize>(z * aBatch + i * aRow + l * aCol)) << 2)) * load<f32>(b + ((<usize>(z * bBatch + l * bRow + j * bCol)) << 2));
        }
        store<f32>(p, s);
      }
    }
  }
}
export function scratchBytes(): usize { return 64; }
export function setScratch(ptr: usize, bytes: usize): void {}
