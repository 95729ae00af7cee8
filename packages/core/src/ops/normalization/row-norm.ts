// Normalization over the last axes: layerNorm (Ba, Kiros, Hinton 2016, https://arxiv.org/abs/1607.06450) and rmsNorm
// (Zhang, Sennrich 2019, https://arxiv.org/abs/1910.07467). Only layerNorm subtracts the mean.

import { requireList } from "../../arguments.ts";
import { defineVariadicOp, fusedGradient } from "../../autograd/define-op.ts";
import { ShapeError } from "../../errors.ts";
import { normKernels } from "../../kernels/families.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { commonDType, requireFloat, requireTensor } from "../../require-tensor.ts";
import type { Shape } from "../../shape.ts";
import { formatShape, sameShape, sizeOf } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { add, div, mul, sub } from "../arithmetic/arithmetic.ts";
import { sqrt } from "../arithmetic/unary.ts";
import { mean } from "../reductions/reduce.ts";
import { reshape, sum } from "../shape/broadcast.ts";

/** Inputs are x, then optionally weight and bias. */
interface RowNorm {
  cols: number;
  eps: number;
  centered: 0 | 1;
  weighted: boolean;
  biased: boolean;
}

const addressOf = (x: Tensor | undefined) => (x ? contiguous(x).address : 0);

function parts([x, ...rest]: readonly Tensor[], { weighted, biased }: RowNorm) {
  return { x: x!, weight: weighted ? rest[0] : undefined, bias: biased ? rest.at(-1) : undefined };
}

/** n = (x - m)/√(mean((x - m)²) + eps) on rows [rows, cols], and the factor 1/√(…) [rows, 1]. */
function normalize(x: Tensor, { cols, eps, centered }: RowNorm): { n: Tensor; scale: Tensor } {
  const rows = reshape(x, [x.size / cols, cols]);
  const distance = centered ? sub(rows, mean(rows, 1, { keepDim: true })) : rows;
  const variance = mean(mul(distance, distance), 1, { keepDim: true });
  const scale = div(1, sqrt(add(variance, eps)));
  return { n: mul(distance, scale), scale };
}

/** dx = (g - mean(g) - n mean(g n))·scale with g = dy weight; without mean(g) if not centered. */
function inputGradient(dy: Tensor, inputs: readonly Tensor[], attributes: RowNorm): Tensor {
  const { x, weight } = parts(inputs, attributes);
  const { cols, eps, centered } = attributes;
  return fusedGradient(
    () => {
      const dx = Tensor.allocate(x.shape, x.dtype, "rowNorm");
      const kernels = normKernels(x.dtype);
      const [gradient, input] = [contiguous(dy).address, contiguous(x).address];
      kernels.rowNormGrad(x.size / cols, cols, eps, centered, gradient, input, addressOf(weight), dx.address);
      return dx;
    },
    () => {
      const { n, scale } = normalize(x, attributes);
      const gradient = reshape(dy, n.shape);
      const g = weight ? mul(gradient, reshape(weight, [cols])) : gradient;
      const along = mul(n, mean(mul(g, n), 1, { keepDim: true }));
      const rest = sub(centered ? sub(g, mean(g, 1, { keepDim: true })) : g, along);
      return reshape(mul(rest, scale), x.shape);
    },
  );
}

/** dw = sum over rows of dy n */
function weightGradient(dy: Tensor, inputs: readonly Tensor[], attributes: RowNorm): Tensor {
  const { x, weight } = parts(inputs, attributes);
  const { cols, eps, centered } = attributes;
  return fusedGradient(
    () => {
      const dw = Tensor.allocate(weight!.shape, x.dtype, "rowNorm");
      const kernels = normKernels(x.dtype);
      const [gradient, input] = [contiguous(dy).address, contiguous(x).address];
      kernels.rowNormGradWeight(x.size / cols, cols, eps, centered, gradient, input, dw.address);
      return dw;
    },
    () => {
      const { n } = normalize(x, attributes);
      return reshape(sum(mul(reshape(dy, n.shape), n), 0), weight!.shape);
    },
  );
}

const rowNormOp = (name: string) =>
  defineVariadicOp<RowNorm>({
    name,
    forward: (inputs, attributes) => {
      const { x, weight, bias } = parts(inputs, attributes);
      const { cols, eps, centered } = attributes;
      const y = Tensor.allocate(x.shape, x.dtype, name);
      const [w, b] = [addressOf(weight), addressOf(bias)];
      const rows = x.size / cols;
      normKernels(x.dtype).rowNorm(rows, cols, eps, centered, contiguous(x).address, w, b, y.address);
      return y;
    },
    vjp: (dy, _, inputs, attributes, index) => {
      if (index === 0) return inputGradient(dy, inputs, attributes);
      if (index === 1 && attributes.weighted) return weightGradient(dy, inputs, attributes);
      const { cols } = attributes;
      return reshape(sum(reshape(dy, [dy.size / cols, cols]), 0), inputs[index]!.shape);
    },
  });

const layerNormOp = rowNormOp("layerNorm");
const rmsNormOp = rowNormOp("rmsNorm");

/** The last axes' sizes as a shape, checked against `x` and the parameters. */
function checkRows(
  operation: string,
  x: Tensor,
  normalizedShape: number | Shape,
  parameters: readonly Tensor[],
): number {
  requireFloat(operation, x);
  commonDType(operation, [x, ...parameters]);
  if (typeof normalizedShape !== "number") requireList(operation, "normalizedShape", normalizedShape, "[64]");
  const shape = typeof normalizedShape === "number" ? [normalizedShape] : normalizedShape;
  if (shape.length === 0 || !sameShape(x.shape.slice(-shape.length), shape) || sizeOf(shape) === 0) {
    throw new ShapeError(
      `${operation}: x has shape ${formatShape(x.shape)}, expected its last axes to be ${formatShape(shape)}, not empty`,
    );
  }
  for (const parameter of parameters) {
    if (!sameShape(parameter.shape, shape)) {
      throw new ShapeError(
        `${operation}: weight or bias has shape ${formatShape(parameter.shape)}, expected ${formatShape(shape)}`,
      );
    }
  }
  return sizeOf(shape);
}

/** Options of `rmsNorm`. */
export interface RMSNormOptions {
  /** Scale per element, of the normalized shape. */
  weight?: Tensor | null;
  /** Added to the mean square before the root; default: the dtype's epsilon. */
  eps?: number;
}

const rmsNormOptions = optionNames<RMSNormOptions>({ weight: true, eps: true });

/** Options of `layerNorm`. */
export interface LayerNormOptions {
  /** Scale per element, of the normalized shape. */
  weight?: Tensor | null;
  /** Shift per element, of the normalized shape. */
  bias?: Tensor | null;
  /** Added to the variance before the root; default 1e-5. */
  eps?: number;
}

const layerNormOptions = optionNames<LayerNormOptions>({ weight: true, bias: true, eps: true });

/**
 * `(x - mean)/√(variance + eps) · weight + bias`, with mean and variance (divided by the count) over the last axes,
 * whose sizes are `normalizedShape`. Like `torch.nn.functional.layer_norm`.
 *
 * @throws ShapeError if the last axes differ or are empty, or weight or bias do not have their shape; DTypeError
 */
export function layerNorm(
  x: Tensor,
  normalizedShape: number | Shape,
  options: LayerNormOptions = {},
): Tensor {
  checkOptions("layerNorm", options, layerNormOptions);
  const { weight, bias, eps = 1e-5 } = options;
  const parameters = [weight, bias].filter((parameter) => parameter != null);
  const cols = checkRows("layerNorm", x, normalizedShape, parameters);
  const attributes = { cols, eps, centered: 1, weighted: weight != null, biased: bias != null } as const;
  return layerNormOp([x, ...parameters], attributes);
}

/**
 * `x/√(mean(x²) + eps) · weight`, with the mean over the last axes, whose sizes are `normalizedShape`. Like
 * `torch.nn.functional.rms_norm`.
 *
 * @throws ShapeError if the last axes differ or are empty, or weight does not have their shape; DTypeError
 */
export function rmsNorm(x: Tensor, normalizedShape: number | Shape, options: RMSNormOptions = {}): Tensor {
  requireTensor("rmsNorm", x);
  checkOptions("rmsNorm", options, rmsNormOptions);
  const { weight, eps = x.dtype === "float64" ? 2 ** -52 : 2 ** -23 } = options;
  const parameters = weight ? [weight] : [];
  const cols = checkRows("rmsNorm", x, normalizedShape, parameters);
  return rmsNormOp([x, ...parameters], { cols, eps, centered: 0, weighted: weight != null, biased: false });
}
