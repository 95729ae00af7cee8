// Activations as modules, for use in Sequential: a line each. Functions and defaults are in ops/activations.ts.
import { elu, gelu, leakyRelu, relu, sigmoid, silu, softplus, tanh } from "../ops/activations.ts";
import { logSoftmax, softmax } from "../ops/softmax.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

/** The class of a module without parameters. Its constructor takes what the function takes after x. */
export type ActivationClass<Options extends readonly unknown[]> = new (...options: Options) => Module;

function activation<Options extends readonly unknown[]>(
  name: string,
  f: (x: Tensor, ...options: Options) => Tensor,
): ActivationClass<Options> {
  // A computed key, so that the class has a name to show in summaries.
  const classes = {
    [name]: class extends Module {
      readonly #options: Options;

      constructor(...options: Options) {
        super();
        this.#options = options;
      }

      forward(x: Tensor): Tensor {
        return f(x, ...this.#options);
      }
    },
  };
  return classes[name]!;
}

/** `max(x, 0)` */
export const ReLU = activation("ReLU", relu);

/** x where positive, else a fraction of it. */
export const LeakyReLU = activation("LeakyReLU", leakyRelu);

/** x where positive, else `alpha (e^x - 1)`. */
export const ELU = activation("ELU", elu);

/** x times the normal distribution function of x, or its approximation by tanh. */
export const GELU = activation("GELU", gelu);

/** `x / (1 + e^-x)` */
export const SiLU = activation("SiLU", silu);

/** Hyperbolic tangent. */
export const Tanh = activation("Tanh", tanh);

/** `1 / (1 + e^-x)` */
export const Sigmoid = activation("Sigmoid", sigmoid);

/** `log(1 + e^x)`, a smooth ReLU. */
export const Softplus = activation("Softplus", softplus);

/** Softmax along an axis, the last if absent. */
export const Softmax = activation("Softmax", softmax);

/** Logarithm of the softmax along an axis, the last if absent. */
export const LogSoftmax = activation("LogSoftmax", logSoftmax);
