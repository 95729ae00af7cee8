// Activations as modules, for use in Sequential: one line each. ops/activations/ has the functions and defaults.

import {
  elu,
  eluOptions,
  gelu,
  geluOptions,
  leakyRelu,
  leakyReluOptions,
  relu,
  sigmoid,
  silu,
  softplus,
  softplusOptions,
  tanh,
} from "../ops/activations/activations.ts";
import { logSoftmax, softmax } from "../ops/activations/softmax.ts";
import type { OptionNames } from "../options.ts";
import { checkOptions, optionNames } from "../options.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

/** The class of a module without parameters. Its constructor takes the function's arguments after x. */
export type ActivationClass<Options extends readonly unknown[]> = new (...options: Options) => Module;

/** @param names of the options, unless the arguments after x are not an object */
function activation<Options extends readonly unknown[]>(
  name: string,
  f: (x: Tensor, ...options: Options) => Tensor,
  names?: OptionNames,
): ActivationClass<Options> {
  // A computed key gives the class a name for summaries.
  const classes = {
    [name]: class extends Module {
      readonly #options: Options;

      constructor(...options: Options) {
        super();
        if (names && options[0] !== undefined) checkOptions(name, options[0], names);
        this.#options = options;
      }

      forward(x: Tensor): Tensor {
        return f(x, ...this.#options);
      }
    },
  };
  return classes[name]!;
}

const none = optionNames<object>({});

/** `max(x, 0)` */
export const ReLU = activation("ReLU", relu, none);

/** x where positive, else a fraction of it. */
export const LeakyReLU = activation("LeakyReLU", leakyRelu, leakyReluOptions);

/** x where positive, else `alpha (e^x - 1)`. */
export const ELU = activation("ELU", elu, eluOptions);

/** x times the normal distribution function of x, or its approximation by tanh. */
export const GELU = activation("GELU", gelu, geluOptions);

/** `x / (1 + e^-x)` */
export const SiLU = activation("SiLU", silu, none);

/** Hyperbolic tangent. */
export const Tanh = activation("Tanh", tanh, none);

/** `1 / (1 + e^-x)` */
export const Sigmoid = activation("Sigmoid", sigmoid, none);

/** `log(1 + e^x)`, a smooth ReLU. */
export const Softplus = activation("Softplus", softplus, softplusOptions);

/** Softmax along an axis, by default the last. */
export const Softmax = activation("Softmax", softmax);

/** Logarithm of the softmax along an axis, by default the last. */
export const LogSoftmax = activation("LogSoftmax", logSoftmax);
