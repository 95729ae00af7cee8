// Convolution and its gradients with respect to input and weight: three bilinear ops, where the gradients of each are
// the other two. convolution-products.ts computes them.

import { defineOp } from "../../autograd/define-op.ts";
import { ShapeError, ValueError } from "../../errors.ts";
import type { ConvolutionSizes } from "../../kernels/table/convolution.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { commonDType, requireFloat, requireTensor } from "../../require-tensor.ts";
import { formatShape } from "../../shape.ts";
import type { Tensor } from "../../tensor.ts";
import { channelSum } from "../arithmetic/channels.ts";
import { linear } from "../linear-algebra/matmul.ts";
import { reshape } from "../shape/broadcast.ts";
import type { Convolution } from "./convolution-products.ts";
import { convolveForward, convolveInput, convolveWeight } from "./convolution-products.ts";
import type { Pair } from "./windows.ts";
import { onImages, pairOf, windowCounts } from "./windows.ts";

const forwardOp = defineOp<[Tensor, Tensor], Convolution>({
  name: "convolution",
  forward: (x, weight, conv) => convolveForward(x, weight, null, conv),
  vjp: [
    (dy, _, _x, weight, conv): Tensor => inputOp(dy, weight, conv),
    (dy, _, x, _weight, conv): Tensor => weightOp(x, dy, conv),
  ],
});

const biasedOp = defineOp<[Tensor, Tensor, Tensor], Convolution>({
  name: "convolution",
  forward: convolveForward,
  vjp: [
    (dy, _, _x, weight, _bias, conv): Tensor => inputOp(dy, weight, conv),
    (dy, _, x, _weight, _bias, conv): Tensor => weightOp(x, dy, conv),
    (dy) => channelSum(dy),
  ],
});

const inputOp = defineOp<[Tensor, Tensor], Convolution>({
  name: "convolutionInput",
  forward: convolveInput,
  vjp: [
    (ddx, _, _dy, weight, conv): Tensor => forwardOp(ddx, weight, conv),
    (ddx, _, dy, _weight, conv): Tensor => weightOp(ddx, dy, conv),
  ],
});

const weightOp = defineOp<[Tensor, Tensor], Convolution>({
  name: "convolutionWeight",
  forward: convolveWeight,
  vjp: [
    (ddweight, _, _x, dy, conv): Tensor => inputOp(dy, ddweight, conv),
    (ddweight, _, x, _dy, conv): Tensor => forwardOp(x, ddweight, conv),
  ],
});

/** Options of a convolution along one axis. */
export interface Conv1dOptions {
  /** Stride between windows; default 1. */
  stride?: number;
  /**
   * Zeros before and after the input; default 0 ("valid"). "same" makes the output as long as the input, with the odd
   * zero at the end; it needs stride 1.
   */
  padding?: number | "same" | "valid";
  /** Distance between weights; default 1. */
  dilation?: number;
  /** Number of groups of input and output channels; each group of the output sees only its group of the input. */
  groups?: number;
}

/** Options of a convolution along two axes: a number for both, or `[rows, cols]`. */
export interface Conv2dOptions {
  /** Stride between windows; default 1. */
  stride?: Pair;
  /**
   * Zeros around the input; default 0 ("valid"). "same" makes the output as large as the input, with the odd zeros
   * below and to the right; it needs stride 1.
   */
  padding?: Pair | "same" | "valid";
  /** Distance between weights; default 1. */
  dilation?: Pair;
  /** Number of groups of input and output channels; each group of the output sees only its group of the input. */
  groups?: number;
}

/** Option names of convolutions along one and two axes. */
export const convolutionOptionNames = { stride: true, padding: true, dilation: true, groups: true } as const;

/** Options of PyTorch's convolutions that these do not have. */
export const convolutionInstead = {
  paddingMode: "the padding is zeros; for another border, join it to x before, with cat and slice",
};

const conv1dOptions = optionNames<Conv1dOptions>(convolutionOptionNames, convolutionInstead);
const conv2dOptions = optionNames<Conv2dOptions>(convolutionOptionNames, convolutionInstead);

/** Zeros before and after, along both axes. */
function paddingOf(
  operation: string,
  padding: Pair | "same" | "valid",
  spans: readonly [number, number],
  stride: readonly [number, number],
): [before: [number, number], after: [number, number]] {
  if (padding !== "same") {
    const zeros = pairOf(operation, "padding", padding === "valid" ? 0 : padding, 0);
    return [zeros, zeros];
  }
  if (stride[0] !== 1 || stride[1] !== 1) {
    throw new ValueError(
      `${operation}: padding "same" with stride ${formatShape(stride)}; it needs stride 1, give the padding in numbers`,
    );
  }
  return [
    [Math.floor((spans[0] - 1) / 2), Math.floor((spans[1] - 1) / 2)],
    [Math.ceil((spans[0] - 1) / 2), Math.ceil((spans[1] - 1) / 2)],
  ];
}

function checkChannels(
  operation: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  groups: number,
): void {
  const channels = x.shape[1]!;
  const [outputs, perGroup] = weight.shape as [number, number];
  if (!(Number.isSafeInteger(groups) && groups > 0)) {
    throw new ValueError(`${operation}: groups is ${groups}, expected a positive integer`);
  }
  if (channels % groups !== 0 || outputs % groups !== 0) {
    throw new ShapeError(
      `${operation}: ${channels} channels of x and ${outputs} of weight cannot be divided into ${groups} groups; both must be multiples of it`,
    );
  }
  if (perGroup !== channels / groups || perGroup === 0) {
    throw new ShapeError(
      `${operation}: x has ${channels} channels in ${groups} groups, but weight ${formatShape(weight.shape)} expects ${perGroup} per group; check the previous layer's channels`,
    );
  }
  if (bias && (bias.rank !== 1 || bias.size !== outputs)) {
    throw new ShapeError(`${operation}: bias has shape ${formatShape(bias.shape)}, expected [${outputs}]`);
  }
}

/** The convolution of `x [n,c,h,w]` with `weight [o,c/groups,kh,kw]`. */
function convolve(
  operation: string,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: Conv2dOptions,
): Tensor {
  const { groups = 1 } = options;
  checkChannels(operation, x, weight, bias, groups);
  const [n, channels, h, w] = x.shape as [number, number, number, number];
  const [outputs, , kh, kw] = weight.shape as [number, number, number, number];
  pairOf(operation, "the kernel's size", [kh, kw], 1);
  const stride = pairOf(operation, "stride", options.stride ?? 1, 1);
  const dilation = pairOf(operation, "dilation", options.dilation ?? 1, 1);
  const spans = [dilation[0] * (kh - 1) + 1, dilation[1] * (kw - 1) + 1] as const;
  const [before, after] = paddingOf(operation, options.padding ?? 0, spans, stride);
  const axis = (length: number, size: number, i: 0 | 1) => ({
    length,
    size,
    stride: stride[i],
    before: before[i],
    after: after[i],
    dilation: dilation[i],
    ceil: false,
  });
  const [oh, ow] = windowCounts(operation, axis(h, kh, 0), axis(w, kw, 1));
  if (kh === h && kw === w && oh * ow === 1 && before[0] + before[1] === 0 && groups === 1) {
    // A single window that is the whole input: a matrix product over the batch.
    const taps = channels * h * w;
    return reshape(linear(reshape(x, [n, taps]), reshape(weight, [outputs, taps]), bias), [n, outputs, 1, 1]);
  }
  const sizes: ConvolutionSizes = [
    channels / groups,
    h,
    w,
    outputs / groups,
    kh,
    kw,
    oh,
    ow,
    ...stride,
    ...before,
    ...dilation,
  ];
  const conv = { groups, sizes };
  return bias ? biasedOp(x, weight, bias, conv) : forwardOp(x, weight, conv);
}

function checkOperands(
  operation: string,
  dimensions: 1 | 2,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
): void {
  requireTensor(operation, x);
  requireTensor(operation, weight, "weight");
  commonDType(operation, bias ? [x, weight, bias] : [x, weight]);
  requireFloat(operation, x);
  if (weight.rank !== dimensions + 2) {
    const expected = dimensions === 1 ? "[out,in/groups,k]" : "[out,in/groups,kh,kw]";
    throw new ShapeError(`${operation}: weight has shape ${formatShape(weight.shape)}, expected ${expected}`);
  }
}

/**
 * Convolution of images (as in neural networks: the kernel is not mirrored): `y[n,o,i,j] = bias[o] + Σ weight[o,c,a,b]
 * · x[n, c, i·stride - padding + a·dilation, …]`. `x [n,c,h,w]` or `[c,h,w]`, `weight [out, c/groups, kh, kw]`,
 * optional `bias [out]`; `y [n,out,oh,ow]` with `oh = floor((h + 2·padding - dilation·(kh-1) - 1) / stride) + 1`.
 *
 * @throws ShapeError if channels do not match, or the kernel does not fit the padded input; ValueError for an option;
 * DTypeError
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: Conv2dOptions = {}): Tensor {
  checkOptions("conv2d", options, conv2dOptions);
  checkOperands("conv2d", 2, x, weight, bias ?? null);
  return onImages("conv2d", 2, x, (images) => convolve("conv2d", images, weight, bias ?? null, options));
}

/**
 * Convolution along one axis: `x [n,c,l]` or `[c,l]`, `weight [out, c/groups, k]`, optional `bias [out]`; `y
 * [n,out,ol]`. Otherwise like `conv2d`.
 *
 * @throws ShapeError, ValueError, DTypeError like `conv2d`
 */
export function conv1d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: Conv1dOptions = {}): Tensor {
  checkOptions("conv1d", options, conv1dOptions);
  checkOperands("conv1d", 1, x, weight, bias ?? null);
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  const flat: Conv2dOptions = {
    stride: [1, stride],
    padding: typeof padding === "string" ? padding : [0, padding],
    dilation: [1, dilation],
    groups,
  };
  const [outputs, channels, size] = weight.shape as [number, number, number];
  return onImages("conv1d", 1, x, (images) =>
    convolve("conv1d", images, reshape(weight, [outputs, channels, 1, size]), bias ?? null, flat),
  );
}
