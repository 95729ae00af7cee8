// float32 matrix product for any strides, after GotoBLAS and BLIS (https://doi.org/10.1145/1356052.1356053). Loops cut
// B, then A, into blocks that stay in the caches; the innermost loop keeps one tile of C in registers. One tile kernel
// serves every layout: it follows pointers and steps, and packing an operand only changes where they point. The bits of
// an element of C depend on its row of A, its column of B, k and beta; never on m, n, strides or packing.
import { loadLanes, storeLanes } from "./lanes";
import { scratch } from "./scratch";
import { transpose4 } from "./transpose";

// The register tile: 4 rows x 2 vectors. It needs 8 sums, 2 vectors of B, a broadcast of A and, where madd is two
// instructions, a product. These fit in the 15 vector registers that V8 uses on x86. A tile of 5 rows is not faster.
// With relaxed SIMD, 6 rows are 7 % faster on large matrices. Without, they spill and run at half the speed. They also
// waste more at the edges of small matrices.
const MR: i32 = 4;
const NR: i32 = 8;

// The cache blocks: KC x NC floats of B (512 KiB, for the L2 cache) and MC x KC of A (64 KiB).
const KC: i32 = 256;
const NC: i32 = 512;
const MC: i32 = 64;

const TILE_BYTES: usize = <usize>(MR * NR) << 2;
const A_BYTES: usize = <usize>(MC * KC) << 2;

/**
 * C[z] = A[z]·B[z] + beta·C[z] for z < batch; A [m,k], B [k,n], C [m,n]; beta is 0 (C is not read) or 1. `a`, `b`, `c`
 * are byte addresses; strides count elements and must not be negative. C is row-major and overlaps neither A nor B.
 */
export function gemm(
  batch: i32, m: i32, n: i32, k: i32,
  a: usize, aBatch: i32, aRow: i32, aCol: i32,
  b: usize, bBatch: i32, bRow: i32, bCol: i32,
  c: usize, cBatch: i32, cRow: i32, beta: i32,
): void {
  if (!scratch) unreachable();
  // k is cut evenly (784 is 4 x 200, not 3 x 256 and a remainder), depending only on its own size.
  const kBlocks = max(1, (k + KC - 1) / KC);
  const kBlock = ((k + kBlocks - 1) / kBlocks + 7) & -8;
  for (let z = 0; z < batch; z++) {
    for (let j = 0; j < n; j += NC) {
      let l = 0;
      do {
        multiplyBlock(
          m, min(NC, n - j), min(kBlock, k - l),
          a + offsetBytes(l, aCol), offsetBytes(1, aRow), offsetBytes(1, aCol),
          b + offsetBytes(l, bRow) + offsetBytes(j, bCol), offsetBytes(1, bRow), offsetBytes(1, bCol),
          c + offsetBytes(j, 1), offsetBytes(1, cRow), l > 0 || beta != 0,
        );
        l += kBlock;
      } while (l < k); // once for k = 0 too, which writes zeros
    }
    a += offsetBytes(1, aBatch);
    b += offsetBytes(1, bBatch);
    c += offsetBytes(1, cBatch);
  }
}

// Addresses are sums modulo 2^32, so an intermediate overflow on the way to a valid address does no harm.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function offsetBytes(count: i32, stride: i32): usize {
  return (<usize>count * <usize>stride) << 2;
}

// Whether to read an operand in place instead of packing it. `reuse` is how many rows or columns of the other operand
// use it, `step` the bytes from one k to the next. Up to 128 KiB (an attention head) the caches hold the operand as it
// is. Beyond, misses are cheaper than packing only for a few rows, unless all lines fall on the same cache sets.
function inPlace(reuse: i32, k: i32, step: usize): bool {
  if (<u64>k * step <= 131072) return reuse <= 64;
  return reuse <= 16 && (step & 4095) != 0;
}

// C = A·B, or C += A·B to accumulate, for k <= KC and n <= NC. Strides are in bytes from here on.
function multiplyBlock(
  m: i32, n: i32, k: i32,
  a: usize, aRow: usize, aCol: usize,
  b: usize, bRow: usize, bCol: usize,
  c: usize, cRow: usize, accumulate: bool,
): void {
  const edgeTile = scratch;
  const aPacked = edgeTile + TILE_BYTES;
  const bPacked = aPacked + A_BYTES;
  const kBytes = <usize>k << 2;

  // Always pack a partial last panel: vector loads must not leave B.
  const nInPlace = bCol == 4 && inPlace(m, k, bRow) ? n & -NR : 0;
  pack(n - nInPlace, k, b + <usize>nInPlace * bCol, bCol, bRow, bPacked, NR);
  const packsA = aCol != 4 && !inPlace(n, k, aCol);

  for (let i = 0; i < m; i += MC) {
    const mc = min(MC, m - i);
    // Row r of A begins at aBlock + r·aPitch if r is a multiple of MR; the rows up to the next multiple are aNext
    // apart.
    let aBlock = a + <usize>i * aRow;
    let aPitch = aRow;
    let aNext = aRow;
    let aStep = aCol;
    if (packsA) {
      pack(mc, k, aBlock, aRow, aCol, aPacked, MR);
      aBlock = aPacked;
      aPitch = kBytes;
      aNext = 4;
      aStep = MR * 4;
    }
    for (let r = 0; r < mc; r += MR) {
      // Rows past the edge repeat the last one; their results are discarded.
      const rows = mc - r;
      const a0 = aBlock + <usize>r * aPitch;
      const a1 = rows > 1 ? a0 + aNext : a0;
      const a2 = rows > 2 ? a1 + aNext : a1;
      const a3 = rows > 3 ? a2 + aNext : a2;
      const cPanel = c + <usize>(i + r) * cRow;
      for (let j = 0; j < n; j += NR) {
        const bInPlace = j < nInPlace;
        const bPanel = bInPlace ? b + offsetBytes(j, 1) : bPacked + <usize>(j - nInPlace) * kBytes;
        const bStep = bInPlace ? bRow : NR * 4;
        const cTile = cPanel + offsetBytes(j, 1);
        if (rows >= MR && n - j >= NR) {
          multiplyTile(k, a0, a1, a2, a3, aStep, bPanel, bStep, cTile, cRow, accumulate);
        } else {
          multiplyTile(k, a0, a1, a2, a3, aStep, bPanel, bStep, edgeTile, NR * 4, false);
          writeEdge(min(MR, rows), n - j, edgeTile, cTile, cRow, accumulate);
        }
      }
    }
  }
}

// One tile of C from 4 rows of A and 8 columns of B. The loop is not unrolled: asc would move the products of each sum
// behind all the loads. V8 would then spill (up to 37 % slower).
function multiplyTile(
  k: i32, a0: usize, a1: usize, a2: usize, a3: usize, aStep: usize, b: usize, bStep: usize,
  c: usize, cStep: usize, accumulate: bool,
): void {
  let c00 = f32x4.splat(0), c10 = c00, c20 = c00, c30 = c00;
  let c01 = c00, c11 = c00, c21 = c00, c31 = c00;
  for (; k > 0; k--) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let x = v128.load32_splat(a0);
    c00 = madd(x, b0, c00);
    c01 = madd(x, b1, c01);
    x = v128.load32_splat(a1);
    c10 = madd(x, b0, c10);
    c11 = madd(x, b1, c11);
    x = v128.load32_splat(a2);
    c20 = madd(x, b0, c20);
    c21 = madd(x, b1, c21);
    x = v128.load32_splat(a3);
    c30 = madd(x, b0, c30);
    c31 = madd(x, b1, c31);
    a0 += aStep;
    a1 += aStep;
    a2 += aStep;
    a3 += aStep;
    b += bStep;
  }
  writeRow(c, c00, c01, accumulate);
  writeRow(c + cStep, c10, c11, accumulate);
  writeRow(c + 2 * cStep, c20, c21, accumulate);
  writeRow(c + 3 * cStep, c30, c31, accumulate);
}

// a·b + c. With relaxed SIMD the machine decides whether it rounds once or twice; without, always twice.
// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return v128.relaxed_madd<f32>(a, b, c);
  else return f32x4.add(f32x4.mul(a, b), c);
}

// @ts-ignore: TypeScript knows no decorators of functions; AssemblyScript does
@inline
function writeRow(c: usize, low: v128, high: v128, accumulate: bool): void {
  if (accumulate) {
    low = f32x4.add(v128.load(c), low);
    high = f32x4.add(v128.load(c, 16), high);
  }
  v128.store(c, low);
  v128.store(c, high, 16);
}

// Writes the part of a tile inside C.
function writeEdge(rows: i32, columns: i32, tile: usize, c: usize, cStep: usize, accumulate: bool): void {
  for (; rows > 0; rows--) {
    if (columns >= NR) writeRow(c, v128.load(tile), v128.load(tile, 16), accumulate);
    else {
      let v = v128.load(tile);
      if (columns & 4) {
        v128.store(c, accumulate ? f32x4.add(v128.load(c), v) : v);
        v = v128.load(tile, 16);
      }
      const rest = columns & 3;
      const p = c + offsetBytes(columns & 4, 1);
      if (rest) storeLanes(p, accumulate ? f32x4.add(loadLanes(p, rest), v) : v, rest);
    }
    tile += NR * 4;
    c += cStep;
  }
}

// Copies `columns` columns of k rows into panels of `width` columns (4 or 8), each panel contiguous and row by row. For
// A, whose panels consist of rows, pass it transposed. `minor` is the bytes from a column to the next, `major` from a
// row to the next. Lanes past the last column are arbitrary: their results are discarded.
function pack(columns: i32, k: i32, from: usize, minor: usize, major: usize, to: usize, width: i32): void {
  // Packs contiguous rows 8 at a time: a cache line holds columns of several panels, and must stay cached until all are
  // read.
  const lMax = minor == 4 ? 8 : k;
  for (let l = 0; l < k; l += lMax) {
    for (let j = 0; j < columns; j += 4) {
      const column = j & (width - 1);
      packQuad(
        min(lMax, k - l), columns - j, from + <usize>l * major + <usize>j * minor, minor, major,
        to + offsetBytes(j - column, k) + offsetBytes(l, width) + offsetBytes(column, 1), offsetBytes(width, 1),
      );
    }
  }
}

// Copies 4 columns of k rows to vectors `toStep` bytes apart. If fewer columns remain, repeats the last one.
function packQuad(k: i32, columns: i32, from: usize, minor: usize, major: usize, to: usize, toStep: usize): void {
  if (minor == 4 && columns >= 4) {
    for (; k > 0; k--) {
      v128.store(to, v128.load(from));
      from += major;
      to += toStep;
    }
    return;
  }
  let p0 = from;
  let p1 = columns > 1 ? p0 + minor : p0;
  let p2 = columns > 2 ? p1 + minor : p1;
  let p3 = columns > 3 ? p2 + minor : p2;
  if (major == 4) {
    for (; k >= 4; k -= 4) {
      transpose4(p0, p1, p2, p3, to, toStep);
      to += toStep << 2;
      p0 += 16;
      p1 += 16;
      p2 += 16;
      p3 += 16;
    }
  }
  for (; k > 0; k--) {
    let v = v128.load32_zero(p0);
    v = v128.load32_lane(p1, v, 1);
    v = v128.load32_lane(p2, v, 2);
    v = v128.load32_lane(p3, v, 3);
    v128.store(to, v);
    to += toStep;
    p0 += major;
    p1 += major;
    p2 += major;
    p3 += major;
  }
}
