// Calls of the kernels of convolution, pooling and channels with the sizes of networks, for comparing builds.
import { kernelsFor } from "@shardgrad/core/engine";
import type { BuildCase } from "./build-cases.ts";
import { blank, normal } from "./kernel-case.ts";

type ConvolutionArguments = Parameters<ReturnType<typeof kernelsFor>["convolve"]>;
type Sizes = ConvolutionArguments extends [number, number, ...infer S, number, number, number, number, number]
  ? S
  : never;

/** A batch and groups, and sizes: c, h, w, o, the kernel, the output, strides, padding, dilations. */
const convolutions: [shape: string, n: number, groups: number, sizes: Sizes][] = [
  ["LeNet-5's first, batch 32", 32, 1, [1, 28, 28, 6, 5, 5, 28, 28, 1, 1, 2, 2, 1, 1]],
  ["LeNet-5's second, batch 32", 32, 1, [6, 14, 14, 16, 5, 5, 10, 10, 1, 1, 0, 0, 1, 1]],
  ["LeNet-5's second, batch 5", 5, 1, [6, 14, 14, 16, 5, 5, 10, 10, 1, 1, 0, 0, 1, 1]],
  ["32 channels, 3×3, batch 16", 16, 1, [32, 16, 16, 32, 3, 3, 16, 16, 1, 1, 1, 1, 1, 1]],
  ["stride 2, batch 16", 16, 1, [16, 28, 28, 32, 3, 3, 14, 14, 2, 2, 1, 1, 1, 1]],
  ["depthwise, batch 16", 16, 24, [1, 16, 16, 1, 3, 3, 16, 16, 1, 1, 1, 1, 1, 1]],
];

const convolutionCases = convolutions.flatMap(([shape, n, groups, sizes]): BuildCase[] => {
  const [c, h, w, o, kh, kw, oh, ow, ...moves] = sizes;
  const x = () => normal(n * groups * c * h * w);
  const y = () => normal(n * groups * o * oh * ow);
  const weight = () => normal(groups * o * c * kh * kw);
  // Builds need different ones: at most four times as many copies of samples, and some blocks.
  const workspace = (direction: number) =>
    blank(kernelsFor("float32").convolveScratch(direction, ...sizes) + 16384);
  const columns = [c, h, w, kh, kw, 0, oh, ow, ...moves];
  const ofColumns = () => normal(c * kh * kw * oh * ow);
  return [
    {
      kernel: "convolve",
      shape,
      args: () => [n, groups, ...sizes, x(), weight(), normal(groups * o), y(), workspace(0)],
    },
    { kernel: "convolveInput", shape, args: () => [n, groups, ...sizes, y(), weight(), x(), workspace(1)] },
    { kernel: "convolveWeight", shape, args: () => [n, groups, ...sizes, x(), y(), weight(), workspace(2)] },
    { kernel: "im2col", shape, args: () => [...columns, x(), ofColumns()] },
    { kernel: "col2im", shape, args: () => [...columns, ofColumns(), x()] },
  ];
});

const planes: [h: number, w: number, size: number, stride: number][] = [
  [28, 28, 2, 2],
  [10, 10, 2, 2],
  [32, 32, 3, 1],
  [31, 31, 3, 2],
];

const poolingCases = planes.flatMap(([h, w, size, stride]): BuildCase[] => {
  const [oh, ow] = [h, w].map((length) => Math.floor((length - size) / stride) + 1) as [number, number];
  const count = 192;
  const sizes = [count, h, w, size, size, oh, ow, stride, stride, 0, 0];
  const shape = `${h}×${w}, ${size}×${size} by ${stride}`;
  const x = () => normal(count, h * w);
  const y = () => normal(count, oh * ow);
  return [
    { kernel: "maxPool", shape, args: () => [...sizes, 1, 1, x(), y(), y()] },
    { kernel: "gatherPlane", shape, args: () => [count, h * w, oh * ow, x(), blank(count, oh * ow), y()] },
    { kernel: "scatterPlane", shape, args: () => [count, h * w, oh * ow, y(), blank(count, oh * ow), x()] },
    { kernel: "avgPool", shape, args: () => [...sizes, 0, 0, x(), y()] },
    { kernel: "avgPoolGrad", shape, args: () => [...sizes, 0, 0, y(), x()] },
  ];
});

const channelSizes = [
  [128, 256, 1],
  [32, 16, 100],
  [32, 32, 784],
] as const;

const channelCases = channelSizes.flatMap((sizes): BuildCase[] => {
  const shape = sizes.join("×");
  const all = () => normal(sizes[0] * sizes[1] * sizes[2]);
  const each = () => normal(sizes[1]);
  return [
    { kernel: "channelMoments", shape, args: () => [...sizes, all(), each(), each(), each()] },
    { kernel: "channelAffine", shape, args: () => [...sizes, all(), each(), each(), each(), all()] },
    { kernel: "channelDot", shape, args: () => [...sizes, all(), all(), each(), each(), each()] },
    {
      kernel: "channelCombine",
      shape,
      args: () => [...sizes, all(), all(), each(), each(), each(), each(), all()],
    },
  ];
});

export const windowCases = [...convolutionCases, ...poolingCases, ...channelCases];
