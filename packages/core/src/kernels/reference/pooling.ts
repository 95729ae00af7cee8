// Reference kernels: pooling, window by window. On float32 every sum and quotient rounds to float32, as in the fast
// kernels, so both give the same bits.
import type { NumericArray } from "../../dtype.ts";
import type { Heap } from "../../memory/heap.ts";
import type { Kernels } from "../table.ts";

/** Elements of an axis from `start` to `end`-1. */
interface Span {
  start: number;
  end: number;
}

/** The part of window i that lies on the axis, and its length including up to `pad` more at the end. */
function windowSpan(i: number, length: number, size: number, stride: number, pad: number) {
  const start = i * stride - pad;
  const end = Math.min(start + size, length + pad);
  return { start: Math.max(0, start), end: Math.min(length, end), padded: end - start };
}

function adaptiveSpan(i: number, length: number, count: number): Span {
  return { start: Math.floor((i * length) / count), end: Math.ceil(((i + 1) * length) / count) };
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: a table of kernels, each of which fits a screen.
export function pooling(F: NumericArray, heap: Heap) {
  const { BYTES_PER_ELEMENT: width } = F;
  const { int32 } = heap;
  const round = width === 4 ? Math.fround : (value: number) => value;

  /** The sum of a window of the plane at `x` with rows of `w`; and the reverse, which adds `value` to each element. */
  function sumWindow(x: number, w: number, rows: Span, cols: Span): number {
    let sum = 0;
    for (let row = rows.start; row < rows.end; row++) {
      for (let col = cols.start; col < cols.end; col++) sum = round(sum + F[x + row * w + col]!);
    }
    return sum;
  }
  function addToWindow(x: number, w: number, rows: Span, cols: Span, value: number): void {
    for (let row = rows.start; row < rows.end; row++) {
      for (let col = cols.start; col < cols.end; col++) F[x + row * w + col]! += value;
    }
  }

  return {
    maxPool(planes, h, w, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw, x, y, place) {
      let to = 0;
      for (let p = 0; p < planes; p++) {
        for (let i = 0; i < oh; i++) {
          for (let j = 0; j < ow; j++, to++) {
            let most = Number.NEGATIVE_INFINITY;
            let best = -1;
            for (let a = 0; a < kh; a++) {
              for (let b = 0; b < kw; b++) {
                const row = i * sh - ph + a * dh;
                const col = j * sw - pw + b * dw;
                if (row < 0 || row >= h || col < 0 || col >= w) continue;
                const value = F[x / width + (p * h + row) * w + col]!;
                if (best < 0 || value > most || Number.isNaN(value)) {
                  most = value;
                  best = row * w + col;
                }
              }
            }
            F[y / width + to] = most;
            int32[place / 4 + to] = best;
          }
        }
      }
    },

    gatherPlane(planes, size, outSize, x, place, y) {
      for (let p = 0; p < planes; p++) {
        for (let i = 0; i < outSize; i++) {
          const from = int32[place / 4 + p * outSize + i]!;
          F[y / width + p * outSize + i] = from < 0 ? 0 : F[x / width + p * size + from]!;
        }
      }
    },

    scatterPlane(planes, size, outSize, dy, place, dx) {
      F.fill(0, dx / width, dx / width + planes * size);
      for (let p = 0; p < planes; p++) {
        for (let i = 0; i < outSize; i++) {
          const to = int32[place / 4 + p * outSize + i]!;
          if (to >= 0) F[dx / width + p * size + to]! += F[dy / width + p * outSize + i]!;
        }
      }
    },

    avgPool(planes, h, w, kh, kw, oh, ow, sh, sw, ph, pw, countPad, divisor, x, y) {
      let to = y / width;
      for (let p = 0; p < planes; p++) {
        for (let i = 0; i < oh; i++) {
          const rows = windowSpan(i, h, kh, sh, ph);
          for (let j = 0; j < ow; j++, to++) {
            const cols = windowSpan(j, w, kw, sw, pw);
            const inside = (rows.end - rows.start) * (cols.end - cols.start);
            const count = divisor || (countPad ? rows.padded * cols.padded : inside);
            F[to] = sumWindow(x / width + p * h * w, w, rows, cols) / count;
          }
        }
      }
    },

    avgPoolGrad(planes, h, w, kh, kw, oh, ow, sh, sw, ph, pw, countPad, divisor, dy, dx) {
      F.fill(0, dx / width, dx / width + planes * h * w);
      let from = dy / width;
      for (let p = 0; p < planes; p++) {
        for (let i = 0; i < oh; i++) {
          const rows = windowSpan(i, h, kh, sh, ph);
          for (let j = 0; j < ow; j++, from++) {
            const cols = windowSpan(j, w, kw, sw, pw);
            const inside = (rows.end - rows.start) * (cols.end - cols.start);
            const count = divisor || (countPad ? rows.padded * cols.padded : inside);
            addToWindow(dx / width + p * h * w, w, rows, cols, round(F[from]! / count));
          }
        }
      }
    },

    adaptiveAvgPool(planes, h, w, oh, ow, x, y) {
      let to = y / width;
      for (let p = 0; p < planes; p++) {
        for (let i = 0; i < oh; i++) {
          const rows = adaptiveSpan(i, h, oh);
          for (let j = 0; j < ow; j++, to++) {
            const cols = adaptiveSpan(j, w, ow);
            const count = (rows.end - rows.start) * (cols.end - cols.start);
            F[to] = sumWindow(x / width + p * h * w, w, rows, cols) / count;
          }
        }
      }
    },

    adaptiveAvgPoolGrad(planes, h, w, oh, ow, dy, dx) {
      F.fill(0, dx / width, dx / width + planes * h * w);
      let from = dy / width;
      for (let p = 0; p < planes; p++) {
        for (let i = 0; i < oh; i++) {
          const rows = adaptiveSpan(i, h, oh);
          for (let j = 0; j < ow; j++, from++) {
            const cols = adaptiveSpan(j, w, ow);
            const count = (rows.end - rows.start) * (cols.end - cols.start);
            addToWindow(dx / width + p * h * w, w, rows, cols, round(F[from]! / count));
          }
        }
      }
    },
  } satisfies Partial<Kernels>;
}
