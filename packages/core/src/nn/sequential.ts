// Modules one after another.
import { kindOf } from "../arguments.ts";
import { ValueError } from "../errors.ts";
import type { Tensor } from "../tensor.ts";
import { Module } from "./module.ts";

/** Feeds the output of each module to the next. Parameters are named `0.weight`, `2.bias`, … as in PyTorch. */
export class Sequential extends Module {
  readonly layers: readonly Module[];

  /** @throws ValueError if a layer is not a module */
  constructor(...layers: Module[]) {
    super();
    layers.forEach((layer: unknown, i) => {
      if (layer instanceof Module) return;
      const remedy = Array.isArray(layer)
        ? "pass modules one by one: new Sequential(a, b), or new Sequential(...list)"
        : "put computations into the forward of a class that extends Module";
      throw new ValueError(`Sequential: layer ${i} is ${kindOf(layer)}, expected a module; ${remedy}`);
    });
    this.layers = layers;
  }

  forward(x: Tensor): Tensor {
    return this.layers.reduce((value, layer) => layer.forward(value), x);
  }

  override parts(): object {
    return this.layers;
  }
}
