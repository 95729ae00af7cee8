// What a recording knows about calls of kernels that work element by element: where their arrays are among the arguments.
// Signatures: kernels/table/.
import type { ActivationName, BinaryKernels, UnaryKernels } from "../kernels/table.ts";

/** The arrays of a call, by the positions of their addresses. */
export interface ElementwiseCall {
  /** Arrays of which each element is read before the same element of the result is written. */
  readonly inputs: readonly number[];
  readonly output: number;
  /** Present if elements do not depend on others, so that the call may be cut. */
  readonly cut?: {
    readonly elements: number;
    /** Arrays of uint8 beside the others, which have four bytes an element. */
    readonly bytes: readonly number[];
    /** Single numbers for all elements. */
    readonly single: readonly number[];
    /** The same call for so many elements; addresses are those of the first. */
    shorten(args: number[], elements: number): void;
  };
}

type Description = (args: readonly number[]) => ElementwiseCall;

/** The count is the first argument. */
const flat =
  (inputs: readonly number[], output: number, bytes: readonly number[] = []): Description =>
  ([elements]) => ({
    inputs,
    output,
    cut: {
      ...{ elements: elements!, bytes, single: [] },
      shorten: (args, count) => {
        args[0] = count;
      },
    },
  });

/** Rows, which are not cut. */
const rowwise =
  (inputs: readonly number[], output: number): Description =>
  () => ({ inputs, output });

/** Operands may lie as the result does, or be repeated. */
const broadcast: Description = (args) => {
  const [rows, cols] = args as [number, number];
  const operands = [2, 5];
  const inputs = operands.filter((at) => args[at + 2] === 1 && (rows === 1 || args[at + 1] === cols));
  const single = operands.filter((at) => args[at + 2] === 0 && (rows === 1 || args[at + 1] === 0));
  const call = { inputs, output: 8 };
  if (inputs.length + single.length < 2) return call;
  const shorten = (given: number[], count: number) => {
    given[0] = 1;
    given[1] = count;
  };
  return { ...call, cut: { elements: rows * cols, bytes: [], single, shorten } };
};

const unary: readonly (keyof UnaryKernels)[] = [
  ...([
    "neg",
    "abs",
    "sign",
    "square",
    "reciprocal",
    "sqrt",
    "rsqrt",
    "exp",
    "expm1",
    "log",
    "log1p",
  ] as const),
  ...(["sin", "cos", "erf"] as const),
];
const binary: readonly (keyof BinaryKernels)[] = [
  ...(["add", "sub", "mul", "div", "pow", "maximum", "minimum"] as const),
  ...(["equal", "notEqual", "less", "lessEqual", "greater", "greaterEqual"] as const),
];
const activations: readonly ActivationName[] = [
  ...(["relu", "leakyRelu", "elu", "softplus", "tanh", "sigmoid", "silu", "geluTanh", "clamp"] as const),
];

const descriptions = new Map<string, Description>([
  ...unary.map((name) => [name, flat([1], 2)] as const),
  ...binary.map((name) => [name, broadcast] as const),
  ...activations.map((name) => [name, flat([1], 2)] as const),
  ...activations.map((name) => [`${name}Grad`, flat([1, 2], 3)] as const),
  ["gelu", flat([1], 2)],
  ["geluGrad", flat([1, 2, 3], 4)],
  ["dropout", flat([2], 4, [3])],
  ["fill", flat([], 2)],
  ["maskedSoftmaxGrad", rowwise([3, 4], 5)],
  ["crossEntropyGrad", rowwise([4], 9)],
]);

/** What is known of a call, if its kernel works element by element. */
export function elementwiseCall(kernel: string, args: readonly number[]): ElementwiseCall | undefined {
  return descriptions.get(kernel)?.(args);
}
