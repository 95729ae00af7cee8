// Max and average pooling. Computes four windows at once where a row of windows lies inside the plane. Visits the
// elements of a window row by row, so vectors and single windows give the same bits.

export function maxPool(
  planes: i32, h: i32, w: i32, kh: i32, kw: i32, oh: i32, ow: i32, sh: i32, sw: i32, ph: i32, pw: i32, dh: i32, dw: i32,
  x: usize, y: usize, place: usize,
): void {
  // Windows `from` to `to`-1 of a row lie inside the plane.
  const from = firstAt(-pw, sw, 0, ow);
  const end = max(from, firstAt((kw - 1) * dw - pw, sw, w, ow));
  for (let p = 0; p < planes; p++, x += bytes(h * w)) {
    for (let i = 0; i < oh; i++, y += bytes(ow), place += bytes(ow)) {
      const row = i * sh - ph;
      const a = firstAt(row, dh, 0, kh);
      const rows = firstAt(row, dh, h, kh) - a;
      let j = 0;
      while (j < ow) {
        if (j >= from && j < end && end - from >= 4) {
          j = min(j, end - 4); // The last four overlap the previous ones, and write the same.
          const here = (row + a * dh) * w + j * sw - pw;
          if (rows == 2 && kw == 2 && sw == 2 && dw == 1) max4x2(dh * w, here, x, y + bytes(j), place + bytes(j));
          else max4(rows, kw, sw, dh * w, dw, here, x, y + bytes(j), place + bytes(j));
          j += 4;
        } else {
          const col = j * sw - pw;
          const b = firstAt(col, dw, 0, kw);
          max1(rows, firstAt(col, dw, w, kw) - b, w, dh, dw, row + a * dh, col + b * dw, x, y + bytes(j), place + bytes(j));
          j++;
        }
      }
    }
  }
}

function max1(rows: i32, cols: i32, w: i32, dh: i32, dw: i32, row: i32, col: i32, x: usize, y: usize, place: usize): void {
  let most: f32 = -Infinity;
  let best = rows > 0 && cols > 0 ? row * w + col : -1;
  for (let a = 0; a < rows; a++) {
    let here = (row + a * dh) * w + col;
    for (let b = 0; b < cols; b++, here += dw) {
      const value = load<f32>(x + bytes(here));
      if (value > most || value != value) {
        most = value;
        best = here;
      }
    }
  }
  store<f32>(y, most);
  store<i32>(place, best);
}

// Four windows, `sw` apart, the first beginning at `start`; their rows are `rowStep` elements apart.
function max4(rows: i32, cols: i32, sw: i32, rowStep: i32, dw: i32, start: i32, x: usize, y: usize, place: usize): void {
  const steps = i32x4.mul(i32x4(0, 1, 2, 3), i32x4.splat(sw));
  let most = f32x4.splat(-Infinity);
  let best = rows > 0 ? i32x4.add(i32x4.splat(start), steps) : i32x4.splat(-1);
  for (let a = 0; a < rows; a++, start += rowStep) {
    for (let b = 0; b < cols; b++) {
      const here = start + b * dw;
      const value = loadEvery(sw, x + bytes(here));
      const wins = isMore(value, most);
      most = v128.bitselect(value, most, wins);
      best = v128.bitselect(i32x4.add(i32x4.splat(here), steps), best, wins);
    }
  }
  v128.store(y, most);
  v128.store(place, best);
}

// The same for 2-by-2 windows side by side, by far the most frequent.
function max4x2(rowStep: i32, start: i32, x: usize, y: usize, place: usize): void {
  const top = x + bytes(start);
  const bottom = top + bytes(rowStep);
  const top0 = v128.load(top);
  const top1 = v128.load(top, 16);
  const bottom0 = v128.load(bottom);
  const bottom1 = v128.load(bottom, 16);
  let here = i32x4.add(i32x4.splat(start), i32x4(0, 2, 4, 6));
  let most = v128.shuffle<i32>(top0, top1, 0, 2, 4, 6);
  let best = here;
  let value = v128.shuffle<i32>(top0, top1, 1, 3, 5, 7);
  let wins = isMore(value, most);
  most = v128.bitselect(value, most, wins);
  best = i32x4.sub(best, wins); // A lane that wins is -1.
  here = i32x4.add(here, i32x4.splat(rowStep));
  value = v128.shuffle<i32>(bottom0, bottom1, 0, 2, 4, 6);
  wins = isMore(value, most);
  most = v128.bitselect(value, most, wins);
  best = v128.bitselect(here, best, wins);
  value = v128.shuffle<i32>(bottom0, bottom1, 1, 3, 5, 7);
  wins = isMore(value, most);
  most = v128.bitselect(value, most, wins);
  best = v128.bitselect(i32x4.add(here, i32x4.splat(1)), best, wins);
  v128.store(y, most);
  v128.store(place, best);
}

// A NaN ranks above any number and above an earlier NaN.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function isMore(value: v128, most: v128): v128 {
  return v128.or(f32x4.gt(value, most), f32x4.ne(value, value));
}

export function gatherPlane(planes: i32, size: i32, outSize: i32, x: usize, place: usize, y: usize): void {
  for (let p = 0; p < planes; p++, x += bytes(size)) {
    for (let i = 0; i < outSize; i++, place += 4, y += 4) {
      const from = load<i32>(place);
      store<f32>(y, from < 0 ? 0 : load<f32>(x + bytes(from)));
    }
  }
}

export function scatterPlane(planes: i32, size: i32, outSize: i32, dy: usize, place: usize, dx: usize): void {
  memory.fill(dx, 0, bytes(planes * size));
  for (let p = 0; p < planes; p++, dx += bytes(size)) {
    for (let i = 0; i < outSize; i++, place += 4, dy += 4) {
      const at = load<i32>(place);
      if (at < 0) continue;
      const to = dx + bytes(at);
      store<f32>(to, load<f32>(to) + load<f32>(dy));
    }
  }
}

export function avgPool(
  planes: i32, h: i32, w: i32, kh: i32, kw: i32, oh: i32, ow: i32, sh: i32, sw: i32, ph: i32, pw: i32,
  countPad: i32, divisor: f32, x: usize, y: usize,
): void {
  const from = firstAt(-pw, sw, 0, ow);
  const end = max(from, firstAt(kw - 1 - pw, sw, w, ow));
  for (let p = 0; p < planes; p++, x += bytes(h * w)) {
    for (let i = 0; i < oh; i++, y += bytes(ow)) {
      const row = i * sh - ph;
      const first = max(0, row);
      const rows = min(h, row + kh) - first;
      const height = countPad ? min(h + ph, row + kh) - row : rows;
      let j = 0;
      while (j < ow) {
        if (j >= from && j < end && end - from >= 4) {
          j = min(j, end - 4);
          const count: f32 = divisor ? divisor : <f32>(height * kw);
          const sum = sum4(rows, kw, w, sw, x + bytes(first * w + j * sw - pw));
          v128.store(y + bytes(j), f32x4.div(sum, f32x4.splat(count)));
          j += 4;
        } else {
          const col = j * sw - pw;
          const left = max(0, col);
          const cols = min(w, col + kw) - left;
          const count: f32 = divisor ? divisor : <f32>(height * (countPad ? min(w + pw, col + kw) - col : cols));
          store<f32>(y + bytes(j), sum1(rows, cols, w, x + bytes(first * w + left)) / count);
          j++;
        }
      }
    }
  }
}

function sum1(rows: i32, cols: i32, w: i32, x: usize): f32 {
  let sum: f32 = 0;
  for (; rows > 0; rows--, x += bytes(w)) {
    for (let b = 0; b < cols; b++) sum += load<f32>(x + bytes(b));
  }
  return sum;
}

function sum4(rows: i32, cols: i32, w: i32, sw: i32, x: usize): v128 {
  let sum = f32x4.splat(0);
  for (; rows > 0; rows--, x += bytes(w)) {
    for (let b = 0; b < cols; b++) sum = f32x4.add(sum, loadEvery(sw, x + bytes(b)));
  }
  return sum;
}

export function avgPoolGrad(
  planes: i32, h: i32, w: i32, kh: i32, kw: i32, oh: i32, ow: i32, sh: i32, sw: i32, ph: i32, pw: i32,
  countPad: i32, divisor: f32, dy: usize, dx: usize,
): void {
  memory.fill(dx, 0, bytes(planes * h * w));
  for (let p = 0; p < planes; p++, dx += bytes(h * w)) {
    for (let i = 0; i < oh; i++, dy += bytes(ow)) {
      const row = i * sh - ph;
      const first = max(0, row);
      const rows = min(h, row + kh) - first;
      const height = countPad ? min(h + ph, row + kh) - row : rows;
      let j = 0;
      // By far the most frequent: windows of two columns side by side.
      if (kw == 2 && sw == 2 && pw == 0) {
        const count: f32 = divisor ? divisor : <f32>(height * 2);
        for (; j + 4 <= ow && j * 2 + 8 <= w; j += 4) {
          const value = f32x4.div(v128.load(dy + bytes(j)), f32x4.splat(count));
          const low = v128.shuffle<i32>(value, value, 0, 0, 1, 1);
          const high = v128.shuffle<i32>(value, value, 2, 2, 3, 3);
          for (let a = 0; a < rows; a++) {
            const to = dx + bytes((first + a) * w + j * 2);
            v128.store(to, f32x4.add(v128.load(to), low));
            v128.store(to, f32x4.add(v128.load(to, 16), high), 16);
          }
        }
      }
      for (; j < ow; j++) {
        const col = j * sw - pw;
        const left = max(0, col);
        const cols = min(w, col + kw) - left;
        const count: f32 = divisor ? divisor : <f32>(height * (countPad ? min(w + pw, col + kw) - col : cols));
        const value = load<f32>(dy + bytes(j)) / count;
        for (let a = 0; a < rows; a++) {
          let to = dx + bytes((first + a) * w + left);
          for (let b = 0; b < cols; b++, to += 4) store<f32>(to, load<f32>(to) + value);
        }
      }
    }
  }
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function bytes(floats: i32): usize {
  return <usize>floats << 2;
}

// The first index at or beyond `edge` among start, start + step, …, or `count`.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function firstAt(start: i32, step: i32, edge: i32, count: i32): i32 {
  return edge <= start ? 0 : min(count, (edge - start + step - 1) / step);
}

// Four floats, `step` apart. Reads nothing beyond the last one.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function loadEvery(step: i32, p: usize): v128 {
  if (step == 1) return v128.load(p);
  if (step == 2) return v128.shuffle<i32>(v128.load(p), v128.load(p, 12), 0, 2, 5, 7);
  const distance = bytes(step);
  let v = v128.load32_zero(p);
  v = v128.load32_lane(p + distance, v, 1);
  v = v128.load32_lane(p + 2 * distance, v, 2);
  return v128.load32_lane(p + 3 * distance, v, 3);
}
