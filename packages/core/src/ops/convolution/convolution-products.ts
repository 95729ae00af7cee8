// Computes the three products of a convolution: y from x and weight, dx from dy and weight, dweight from x and dy. Many
// channels use matrix products, few the direct kernels. A sample's bits depend neither on the batch nor on its position
// there. The ops themselves are in convolution.ts.
import { bytesPerElement } from "../../dtype.ts";
import { convolutionKernels, elementwiseKernels, linearKernels } from "../../kernels/families.ts";
import type { ColumnSizes, ConvolutionSizes } from "../../kernels/table/convolution.ts";
import { outsideOfCapture } from "../../observer.ts";
import { copyStrided } from "../../strided-copy.ts";
import { contiguous, Tensor } from "../../tensor.ts";

/** Everything known before the numbers; sizes count channels per group. */
export interface Convolution {
  readonly groups: number;
  readonly sizes: ConvolutionSizes;
}

/** How many elements of im2col's matrix to make at a time: 512 KiB, so that they are still cached for the product. */
const columnElements = 131072;

/** The direct kernels copy up to 16 whole samples and describe every pixel; this limits them to 64 MiB. */
const directBytes = 2 ** 26;

/**
 * The direct kernels are as fast as matrix products for any number of channels, and much faster for few. But the
 * machine's BLAS can only take over matrix products, so convolutions that would gain from it use those. Sizes alone
 * decide.
 */
function throughColumns([c, h, w, o, kh, kw, oh, ow]: ConvolutionSizes): boolean {
  const pixels = Math.max(h * w, oh * ow);
  return (o >= 64 && c * kh * kw >= 512) || (64 * Math.max(c, o) + 32) * pixels > directBytes;
}

/** A 1×1 kernel with stride 1 and no padding: the columns are the input itself. */
function isPointwise([, h, w, , kh, kw, oh, ow, sh, sw]: ConvolutionSizes): boolean {
  return kh * kw === 1 && sh * sw === 1 && oh === h && ow === w;
}

const directions = { forward: 0, input: 1, weight: 2 } as const;

/** A workspace for the direct kernels, freed with the op's other temporaries. */
function workspace(direction: keyof typeof directions, x: Tensor, sizes: ConvolutionSizes): number {
  // A number that depends on the sizes alone: replays need not ask again.
  const bytes = outsideOfCapture(() =>
    convolutionKernels(x.dtype).convolveScratch(directions[direction], ...sizes),
  );
  // From WebAssembly, sizes beyond 2 GiB come as negative numbers.
  return Tensor.allocate([bytes < 0 ? bytes + 2 ** 32 : bytes], "uint8", "convolution workspace").address;
}

/** One sample and group, with the next block of output rows to multiply. */
interface Block {
  /** Bytes from the start of x and y to their parts of this sample and group. */
  x: number;
  y: number;
  /** Bytes from there to these rows of each channel of y. */
  yRows: number;
  /** Elements of these rows in one channel. */
  count: number;
  group: number;
  /** im2col's sizes for these rows. */
  sizes: ColumnSizes;
}

/** Calls `use` for every block of rows of every sample and group, with the address of a matrix for its columns. */
function eachBlock(
  n: number,
  { groups, sizes }: Convolution,
  like: Tensor,
  use: (block: Block, columns: number) => void,
): void {
  const [c, h, w, o, kh, kw, oh, ow, ...moves] = sizes;
  const width = bytesPerElement[like.dtype];
  const taps = c * kh * kw;
  const pointwise = isPointwise(sizes);
  const most = pointwise ? oh : Math.max(1, Math.min(oh, Math.floor(columnElements / (taps * ow))));
  const rows = Math.ceil(oh / Math.ceil(oh / most));
  const columns = pointwise ? 0 : Tensor.allocate([taps * rows * ow], like.dtype, "im2col").address;
  for (let part = 0; part < n * groups; part++) {
    for (let row = 0; row < oh; row += rows) {
      const height = Math.min(rows, oh - row);
      use(
        {
          x: part * c * h * w * width,
          y: part * o * oh * ow * width,
          yRows: row * ow * width,
          count: height * ow,
          group: part % groups,
          sizes: [c, h, w, kh, kw, row, height, ow, ...moves],
        },
        columns,
      );
    }
  }
}

/** `y [n, groups·o, oh, ow]` from `x [n, groups·c, h, w]`, `weight [groups·o, c, kh, kw]`, `bias [groups·o]`. */
export function convolveForward(x: Tensor, weight: Tensor, bias: Tensor | null, conv: Convolution): Tensor {
  const { groups, sizes } = conv;
  const [c, , , o, kh, kw, oh, ow] = sizes;
  const n = x.shape[0]!;
  const kernels = convolutionKernels(x.dtype);
  const y = Tensor.allocate([n, groups * o, oh, ow], x.dtype, "convolution");
  const from = contiguous(x).address;
  const factor = contiguous(weight).address;
  if (!isPointwise(sizes) && !throughColumns(sizes)) {
    const start = bias ? contiguous(bias).address : 0;
    kernels.convolve(n, groups, ...sizes, from, factor, start, y.address, workspace("forward", x, sizes));
    return y;
  }
  if (bias) copyStrided(bias.view(y.shape, [0, bias.strides[0]!, 0, 0]), y);
  const taps = c * kh * kw;
  const plane = oh * ow;
  eachBlock(n, conv, x, (block, columns) => {
    if (columns) kernels.im2col(...block.sizes, from + block.x, columns);
    const left = factor + block.group * o * taps * bytesPerElement[x.dtype];
    const right = columns || from + block.x;
    const to = y.address + block.y + block.yRows;
    const { count } = block;
    const start = bias ? ([to, 0, plane] as const) : ([0, 0, 0] as const);
    linearKernels(x.dtype).gemm(
      1,
      o,
      count,
      taps,
      left,
      0,
      taps,
      1,
      right,
      0,
      count,
      1,
      to,
      0,
      plane,
      ...start,
    );
  });
  return y;
}

/** The gradient `dx [n, groups·c, h, w]` from `dy [n, groups·o, oh, ow]` and `weight`. */
export function convolveInput(dy: Tensor, weight: Tensor, conv: Convolution): Tensor {
  const { groups, sizes } = conv;
  const [c, h, w, o, kh, kw, oh, ow] = sizes;
  const n = dy.shape[0]!;
  const kernels = convolutionKernels(dy.dtype);
  const dx = Tensor.allocate([n, groups * c, h, w], dy.dtype, "convolution");
  const from = contiguous(dy).address;
  const factor = contiguous(weight).address;
  if (!isPointwise(sizes) && !throughColumns(sizes)) {
    kernels.convolveInput(n, groups, ...sizes, from, factor, dx.address, workspace("input", dy, sizes));
    return dx;
  }
  elementwiseKernels(dx.dtype).fill(dx.size, 0, dx.address);
  const taps = c * kh * kw;
  const plane = oh * ow;
  eachBlock(n, conv, dy, (block, columns) => {
    const left = factor + block.group * o * taps * bytesPerElement[dy.dtype];
    const right = from + block.y + block.yRows;
    const { count } = block;
    const to = columns || dx.address + block.x;
    linearKernels(dy.dtype).gemm(
      1,
      taps,
      count,
      o,
      left,
      0,
      1,
      taps,
      right,
      0,
      plane,
      1,
      to,
      0,
      count,
      0,
      0,
      0,
    );
    if (columns) kernels.col2im(...block.sizes, columns, dx.address + block.x);
  });
  return dx;
}

/** The gradient `dweight [groups·o, c, kh, kw]` from `x` and `dy`. */
export function convolveWeight(x: Tensor, dy: Tensor, conv: Convolution): Tensor {
  const { groups, sizes } = conv;
  const [c, , , o, kh, kw, oh, ow] = sizes;
  const n = x.shape[0]!;
  const kernels = convolutionKernels(x.dtype);
  const dweight = Tensor.allocate([groups * o, c, kh, kw], x.dtype, "convolution");
  const from = contiguous(x).address;
  const right = contiguous(dy).address;
  if (!isPointwise(sizes) && !throughColumns(sizes)) {
    kernels.convolveWeight(n, groups, ...sizes, from, right, dweight.address, workspace("weight", x, sizes));
    return dweight;
  }
  elementwiseKernels(dweight.dtype).fill(dweight.size, 0, dweight.address);
  const taps = c * kh * kw;
  const plane = oh * ow;
  eachBlock(n, conv, x, (block, columns) => {
    if (columns) kernels.im2col(...block.sizes, from + block.x, columns);
    const left = right + block.y + block.yRows;
    const to = dweight.address + block.group * o * taps * bytesPerElement[x.dtype];
    const { count } = block;
    linearKernels(x.dtype).gemm(
      1,
      o,
      taps,
      count,
      left,
      0,
      plane,
      1,
      columns || from + block.x,
      0,
      1,
      count,
      to,
      0,
      taps,
      to,
      0,
      taps,
    );
  });
  return dweight;
}
