// Activation functions and their gradients. The table of kernels says what each computes.
import { defineKernel } from "../language/definition.ts";
import type { Recorder } from "../language/recorder.ts";
import type { Value } from "../language/values.ts";
import { overElements } from "./elements.ts";
import { erf } from "./math.ts";

function gelu(k: Recorder, x: Value): Value {
  return k.mul(x, k.mul(0.5, k.add(1, erf(k, k.mul(x, 0.707106781)))));
}

export const activations = [
  defineKernel("gelu", ["i32", "ptr", "ptr"], (k, n, x, y) =>
    overElements(k, n, [x, y], ({ load, store }) => store(1, gelu(k, load(0)))),
  ),
];
