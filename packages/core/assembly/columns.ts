// im2col and col2im: a convolution over many channels as a matrix product, a block of output rows at a time.

/** columns[(c, a, b), (i, j)] = x[c, (row+i)·sh - ph + a·dh, j·sw - pw + b·dw], zero outside; i < rows, j < ow. */
export function im2col(
  c: i32, h: i32, w: i32, kh: i32, kw: i32, row: i32, rows: i32, ow: i32,
  sh: i32, sw: i32, ph: i32, pw: i32, dh: i32, dw: i32, x: usize, columns: usize,
): void {
  let to = columns;
  for (let channel = 0; channel < c; channel++, x += <usize>(h * w) << 2) {
    for (let a = 0; a < kh; a++) {
      for (let b = 0; b < kw; b++) {
        const start = b * dw - pw;
        const from = firstInside(start, sw, 0, ow);
        const end = firstInside(start, sw, w, ow);
        for (let i = row; i < row + rows; i++, to += <usize>ow << 2) {
          const y = i * sh - ph + a * dh;
          if (<u32>y >= <u32>h) {
            zeros(ow, to);
            continue;
          }
          zeros(from, to);
          const p = x + (<usize>(y * w + start + from * sw) << 2);
          if (sw == 1) copy(end - from, p, to + (<usize>from << 2));
          else copyEvery(sw, end - from, p, to + (<usize>from << 2));
          zeros(ow - end, to + (<usize>end << 2));
        }
      }
    }
  }
}

/** The reverse: adds each element of `columns` to the element of `x` that im2col reads for it. */
export function col2im(
  c: i32, h: i32, w: i32, kh: i32, kw: i32, row: i32, rows: i32, ow: i32,
  sh: i32, sw: i32, ph: i32, pw: i32, dh: i32, dw: i32, columns: usize, x: usize,
): void {
  for (let channel = 0; channel < c; channel++, x += <usize>(h * w) << 2) {
    for (let a = 0; a < kh; a++) {
      for (let b = 0; b < kw; b++) {
        const start = b * dw - pw;
        const from = firstInside(start, sw, 0, ow);
        const end = firstInside(start, sw, w, ow);
        for (let i = row; i < row + rows; i++, columns += <usize>ow << 2) {
          const y = i * sh - ph + a * dh;
          if (<u32>y >= <u32>h) continue;
          let p = x + (<usize>(y * w + start + from * sw) << 2);
          let j = from;
          if (sw == 1) {
            for (; j + 4 <= end; j += 4, p += 16) v128.store(p, f32x4.add(v128.load(p), v128.load(columns + (<usize>j << 2))));
          }
          for (; j < end; j++, p += <usize>sw << 2) store<f32>(p, load<f32>(p) + load<f32>(columns + (<usize>j << 2)));
        }
      }
    }
  }
}

// The first index at or beyond `edge` among start, start + step, …, or `count`.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function firstInside(start: i32, step: i32, edge: i32, count: i32): i32 {
  return edge <= start ? 0 : min(count, (edge - start + step - 1) / step);
}

// Rows are short, so these loops beat a call of memory.copy or memory.fill.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function zeros(n: i32, to: usize): void {
  for (const end = to + (<usize>n << 2); to < end; to += 4) store<f32>(to, 0);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function copy(n: i32, from: usize, to: usize): void {
  if (n < 4) {
    for (let i: usize = 0; i < <usize>n << 2; i += 4) store<f32>(to + i, load<f32>(from + i));
    return;
  }
  const last = <usize>(n - 4) << 2;
  for (let i: usize = 0; i < last; i += 16) v128.store(to + i, v128.load(from + i));
  v128.store(to + last, v128.load(from + last));
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function copyEvery(step: i32, n: i32, from: usize, to: usize): void {
  for (; n > 0; n--, from += <usize>step << 2, to += 4) store<f32>(to, load<f32>(from));
}
