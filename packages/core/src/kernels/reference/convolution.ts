// Reference kernels: convolution and its gradients by definition, and the matrices of im2col.
import type { NumericArray } from "../../dtype.ts";
import type { ColumnSizes, ConvolutionSizes } from "../table/convolution.ts";
import type { Kernels } from "../table.ts";

/** Calls `use` for every product in a convolution of one sample: positions in x (-1 in the padding), weight and y. */
function eachProduct(
  g: number,
  sizes: ConvolutionSizes,
  use: (x: number, weight: number, y: number) => void,
): void {
  const [c, h, w, o, kh, kw, oh, ow, sh, sw, ph, pw, dh, dw] = sizes;
  for (let out = g * o; out < (g + 1) * o; out++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        for (let channel = 0; channel < c; channel++) {
          for (let a = 0; a < kh; a++) {
            for (let b = 0; b < kw; b++) {
              const row = i * sh - ph + a * dh;
              const col = j * sw - pw + b * dw;
              const inside = row >= 0 && row < h && col >= 0 && col < w;
              const from = inside ? ((g * c + channel) * h + row) * w + col : -1;
              use(from, ((out * c + channel) * kh + a) * kw + b, (out * oh + i) * ow + j);
            }
          }
        }
      }
    }
  }
}

/** Calls `use` for every element of the columns, with its position in x, or -1. */
function eachColumnElement(sizes: ColumnSizes, use: (x: number, column: number) => void): void {
  const [c, h, w, kh, kw, row, rows, ow, sh, sw, ph, pw, dh, dw] = sizes;
  let column = 0;
  for (let channel = 0; channel < c; channel++) {
    for (let a = 0; a < kh; a++) {
      for (let b = 0; b < kw; b++) {
        for (let i = row; i < row + rows; i++) {
          for (let j = 0; j < ow; j++) {
            const y = i * sh - ph + a * dh;
            const x = j * sw - pw + b * dw;
            const inside = y >= 0 && y < h && x >= 0 && x < w;
            use(inside ? (channel * h + y) * w + x : -1, column++);
          }
        }
      }
    }
  }
}

export function convolution(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;

  return {
    convolveScratch: () => 0,

    convolve(n, groups, ...rest) {
      const [c, h, w, o, , , oh, ow] = rest;
      const sizes = rest.slice(0, 14) as ConvolutionSizes;
      const [x, weight, bias, y] = rest.slice(14).map((address) => address / width) as number[];
      // Sums in full precision and rounds once: a float32 array stores only the final sum.
      const sums = new Float64Array(groups * o * oh * ow);
      for (let sample = 0; sample < n; sample++) {
        const from = x! + sample * groups * c * h * w;
        for (let out = 0; out < groups * o; out++) {
          sums.fill(bias ? F[bias + out]! : 0, out * oh * ow, (out + 1) * oh * ow);
        }
        for (let g = 0; g < groups; g++) {
          eachProduct(g, sizes, (i, j, k) => {
            sums[k]! += F[weight! + j]! * (i < 0 ? 0 : F[from + i]!);
          });
        }
        F.set(sums, y! + sample * sums.length);
      }
    },

    convolveInput(n, groups, ...rest) {
      const [c, h, w, o, , , oh, ow] = rest;
      const sizes = rest.slice(0, 14) as ConvolutionSizes;
      const [dy, weight, dx] = rest.slice(14).map((address) => address / width) as number[];
      const sums = new Float64Array(groups * c * h * w);
      for (let sample = 0; sample < n; sample++) {
        const from = dy! + sample * groups * o * oh * ow;
        sums.fill(0);
        for (let g = 0; g < groups; g++) {
          eachProduct(g, sizes, (i, j, k) => {
            if (i >= 0) sums[i]! += F[weight! + j]! * F[from + k]!;
          });
        }
        F.set(sums, dx! + sample * sums.length);
      }
    },

    convolveWeight(n, groups, ...rest) {
      const [c, h, w, o, kh, kw, oh, ow] = rest;
      const sizes = rest.slice(0, 14) as ConvolutionSizes;
      const [x, dy, dweight] = rest.slice(14).map((address) => address / width) as number[];
      const sums = new Float64Array(groups * o * c * kh * kw);
      for (let sample = 0; sample < n; sample++) {
        const left = x! + sample * groups * c * h * w;
        const right = dy! + sample * groups * o * oh * ow;
        for (let g = 0; g < groups; g++) {
          eachProduct(g, sizes, (i, j, k) => {
            sums[j]! += F[right + k]! * (i < 0 ? 0 : F[left + i]!);
          });
        }
      }
      F.set(sums, dweight!);
    },

    im2col(...args) {
      const [x, columns] = args.slice(14).map((address) => address / width) as [number, number];
      eachColumnElement(args.slice(0, 14) as ColumnSizes, (i, j) => {
        F[columns + j] = i < 0 ? 0 : F[x + i]!;
      });
    },

    col2im(...args) {
      const [columns, x] = args.slice(14).map((address) => address / width) as [number, number];
      eachColumnElement(args.slice(0, 14) as ColumnSizes, (i, j) => {
        if (i >= 0) F[x + i]! += F[columns + j]!;
      });
    },
  } satisfies Partial<Kernels>;
}
