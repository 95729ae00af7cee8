// The gated recurrent cells, four units at a time. src/kernels/table/recurrent.ts has the signatures and formulas.
import { loadLanes, storeLanes } from "./lanes";
import { sigmoid4, tanh4 } from "./math";

// Not inlined: copies of the polynomials for each gate would take ten times the code.
function sigmoid(x: v128): v128 {
  return sigmoid4(x);
}

function tanh(x: v128): v128 {
  return tanh4(x);
}

/** Four lanes, or the `count` there are. */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function read(p: usize, count: i32): v128 {
  return count >= 4 ? v128.load(p) : loadLanes(p, count);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function write(p: usize, v: v128, count: i32): void {
  if (count >= 4) v128.store(p, v);
  else storeLanes(p, v, count);
}

/** 1 - x */
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function fromOne(x: v128): v128 {
  return f32x4.sub(f32x4.splat(1), x);
}

export function lstmCell(rows: i32, hidden: i32, gates: usize, c0: usize, c: usize, h: usize): void {
  const step = <usize>hidden << 2;
  for (let row = 0; row < rows; row++, gates += 4 * step) {
    let p = gates;
    for (let rest = hidden; rest > 0; rest -= 4) {
      const i = sigmoid(read(p, rest));
      const f = sigmoid(read(p + step, rest));
      const g = tanh(read(p + 2 * step, rest));
      const o = sigmoid(read(p + 3 * step, rest));
      const cell = f32x4.add(f32x4.mul(f, read(c0, rest)), f32x4.mul(i, g));
      write(p, i, rest);
      write(p + step, f, rest);
      write(p + 2 * step, g, rest);
      write(p + 3 * step, o, rest);
      write(c, cell, rest);
      write(h, f32x4.mul(o, tanh(cell)), rest);
      const size = <usize>min(rest, 4) << 2;
      p += size;
      c0 += size;
      c += size;
      h += size;
    }
  }
}

export function lstmCellGrad(
  rows: i32, hidden: i32, dh: usize, dc: usize, gates: usize, c0: usize, c: usize, dgates: usize,
): void {
  const step = <usize>hidden << 2;
  for (let row = 0; row < rows; row++, gates += 4 * step, dgates += 4 * step) {
    let p = gates;
    let d = dgates;
    for (let rest = hidden; rest > 0; rest -= 4) {
      const i = read(p, rest);
      const f = read(p + step, rest);
      const g = read(p + 2 * step, rest);
      const o = read(p + 3 * step, rest);
      const t = tanh(read(c, rest));
      const dhere = read(dh, rest);
      const through = f32x4.mul(f32x4.mul(dhere, o), fromOne(f32x4.mul(t, t)));
      const dcell = f32x4.add(read(dc, rest), through);
      write(d, f32x4.mul(f32x4.mul(f32x4.mul(dcell, g), i), fromOne(i)), rest);
      write(d + step, f32x4.mul(f32x4.mul(f32x4.mul(dcell, read(c0, rest)), f), fromOne(f)), rest);
      write(d + 2 * step, f32x4.mul(f32x4.mul(dcell, i), fromOne(f32x4.mul(g, g))), rest);
      write(d + 3 * step, f32x4.mul(f32x4.mul(f32x4.mul(dhere, t), o), fromOne(o)), rest);
      write(dc, f32x4.mul(dcell, f), rest);
      const size = <usize>min(rest, 4) << 2;
      p += size;
      d += size;
      dh += size;
      dc += size;
      c0 += size;
      c += size;
    }
  }
}

export function gruCell(rows: i32, hidden: i32, x: usize, q: usize, h0: usize, saved: usize, h: usize): void {
  const step = <usize>hidden << 2;
  for (let row = 0; row < rows; row++, x += 2 * step, q += 2 * step, saved += 3 * step) {
    for (let rest = hidden; rest > 0; rest -= 4) {
      const r = sigmoid(f32x4.add(read(x, rest), read(q, rest)));
      const z = sigmoid(f32x4.add(read(x + step, rest), read(q + step, rest)));
      const through = read(q + 2 * step, rest);
      const n = tanh(f32x4.add(read(x + 2 * step, rest), f32x4.mul(r, through)));
      write(h, f32x4.add(f32x4.mul(fromOne(z), n), f32x4.mul(z, read(h0, rest))), rest);
      write(saved, r, rest);
      write(saved + step, z, rest);
      write(saved + 2 * step, n, rest);
      write(saved + 3 * step, through, rest);
      const size = <usize>min(rest, 4) << 2;
      x += size;
      q += size;
      saved += size;
      h0 += size;
      h += size;
    }
  }
}

export function gruCellGrad(rows: i32, hidden: i32, dh: usize, saved: usize, h0: usize, dx: usize, dq: usize): void {
  const step = <usize>hidden << 2;
  for (let row = 0; row < rows; row++, saved += 3 * step, dx += 2 * step, dq += 2 * step) {
    for (let rest = hidden; rest > 0; rest -= 4) {
      const r = read(saved, rest);
      const z = read(saved + step, rest);
      const n = read(saved + 2 * step, rest);
      const through = read(saved + 3 * step, rest);
      const dhere = read(dh, rest);
      const dn = f32x4.mul(f32x4.mul(dhere, fromOne(z)), fromOne(f32x4.mul(n, n)));
      const dz = f32x4.mul(f32x4.mul(f32x4.mul(dhere, f32x4.sub(read(h0, rest), n)), z), fromOne(z));
      const dr = f32x4.mul(f32x4.mul(f32x4.mul(dn, through), r), fromOne(r));
      write(dx, dr, rest);
      write(dx + step, dz, rest);
      write(dx + 2 * step, dn, rest);
      write(dq, dr, rest);
      write(dq + step, dz, rest);
      write(dq + 2 * step, f32x4.mul(dn, r), rest);
      write(dh, f32x4.mul(dhere, z), rest);
      const size = <usize>min(rest, 4) << 2;
      saved += size;
      dh += size;
      h0 += size;
      dx += size;
      dq += size;
    }
  }
}
