// Modules one after another.
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

/** Feeds the output of each module to the next. Parameters are named `0.weight`, `2.bias`, … as in PyTorch. */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  constructor(...layers: Module[]) {
    super();
    this.layers = layers;
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.forward(value), x);
  }

  override parts(): object {
    return this.layers;
  }
}
