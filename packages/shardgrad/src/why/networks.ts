// The networks and the data of all measurements: perceptrons, points on the arms of a spiral, and noise to fit.
import type { DType, Module, Tensor } from "@shardgrad/core";
import {
  crossEntropy,
  Generator,
  Linear,
  mse,
  mul,
  noGrad,
  randn,
  Sequential,
  scope,
  sub,
  Tanh,
  tensor,
  withGenerator,
} from "@shardgrad/core";

/** A network with its loss on fixed data. */
export interface Problem {
  model: Sequential;
  parameters: Tensor[];
  /** How many numbers the parameters have. */
  weights: number;
  input: Tensor;
  /** The loss of what the model answers to the input. */
  lossOf: (output: Tensor) => Tensor;
  loss: () => Tensor;
}

function problem(model: Sequential, input: Tensor, lossOf: Problem["lossOf"]): Problem {
  const parameters = model.parameters();
  const weights = parameters.reduce((sum, { size }) => sum + size, 0);
  return { model, parameters, weights, input, lossOf, loss: () => lossOf(model.forward(input)) };
}

/** Fully connected layers with `tanh` in between, from the same weights for the same seed. */
export function perceptron(widths: readonly number[], seed = 1): Sequential {
  return withGenerator(new Generator(seed), () => {
    const layers = widths.slice(1).flatMap((width, i): Module[] => {
      const layer = new Linear(widths[i]!, width);
      return i === 0 ? [layer] : [new Tanh(), layer];
    });
    return new Sequential(...layers);
  });
}

/** Points on three arms of a spiral. The numbers are float32, so that both dtypes compute with the same. */
export function spirals(samples: number): { points: number[][]; arms: number[] } {
  const arms = Array.from({ length: samples }, (_, i) => i % 3);
  const points = arms.map((arm, i) => {
    const radius = (i + 1) / samples;
    const angle = (arm * 2 * Math.PI) / 3 + 3 * radius;
    return [Math.fround(radius * Math.cos(angle)), Math.fround(radius * Math.sin(angle))];
  });
  return { points, arms };
}

/** Which arm is a point on? `widths` has 2 inputs and 3 outputs. */
export function spiralProblem(
  widths: readonly number[],
  { samples = 48, dtype = "float32", seed = 1 }: { samples?: number; dtype?: DType; seed?: number } = {},
): Problem {
  const model = perceptron(widths, seed);
  if (dtype === "float64") model.double();
  const { points, arms } = spirals(samples);
  const x = tensor(points, { dtype });
  const labels = tensor(Int32Array.from(arms));
  return problem(model, x, (output) => crossEntropy(output, labels));
}

/** Fits random numbers: any network of one output will do. */
export function noiseProblem(widths: readonly number[], samples = 64, seed = 1): Problem {
  const model = perceptron(widths, seed);
  const [x, y] = withGenerator(new Generator(seed + 1), () => [
    randn([samples, widths[0]!]),
    randn([samples, widths.at(-1)!]),
  ]);
  return problem(model, x!, (output) => mse(output, y!));
}

/** The update itself: `w ← w − lr · g`, in place. */
export function descend(parameters: readonly Tensor[], gradients: readonly Tensor[], lr: number): void {
  noGrad(() =>
    scope(() => {
      parameters.forEach((w, i) => {
        w.copyFrom(sub(w, mul(gradients[i]!, lr)));
      });
    }),
  );
}

/** The loss as a number. */
export const lossNow = ({ loss }: Problem): number => noGrad(() => scope(() => loss().item()));
