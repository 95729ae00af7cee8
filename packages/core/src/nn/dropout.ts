// Dropout as a layer.
import { kindOf } from "../arguments.ts";
import { ValueError } from "../errors.ts";
import { dropout } from "../ops/activations/dropout.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

/** Throws unless `p` is a probability. */
export function requireProbability(layer: string, name: string, p: number): number {
  if (!(p >= 0 && p <= 1))
    throw new ValueError(`${layer}: ${name} is ${kindOf(p)}, expected a number from 0 to 1`);
  return p;
}

/** During training, drops each element with probability `p` and scales the others by 1/(1 - p). */
export class Dropout extends Module {
  readonly p: number;

  constructor(p = 0.5) {
    super();
    this.p = requireProbability("Dropout", "p", p);
  }

  forward(x: Tensor): Tensor {
    return dropout(x, this.p, this.training);
  }
}
