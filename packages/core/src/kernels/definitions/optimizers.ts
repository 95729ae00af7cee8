// Updates of optimizers. Each operation is rounded, so that threads may cut the work anywhere. The table of kernels says
// which numbers the cells hold.
import { defineKernel } from "../language/definition.ts";
import type { Recorder } from "../language/recorder.ts";
import type { Value } from "../language/values.ts";
import { overElements } from "./elements.ts";

/** a·x + b·y */
function blend(k: Recorder, a: Value, x: Value, b: Value, y: Value): Value {
  return k.add(k.mul(a, x), k.mul(b, y));
}

export const optimizers = [
  defineKernel("adam", ["i32", "ptr", "ptr", "ptr", "ptr", "ptr"], (k, n, w, g, m, v, cells) => {
    const cell = Array.from({ length: 9 }, (_, i) => k.splat(cells, 4 * i));
    const [beta1, rest1, beta2, rest2, stepSize, correction, eps, decay, shrink] = cell as [
      Value, Value, Value, Value, Value, Value, Value, Value, Value,
    ];
    const update = (decays: boolean) =>
      overElements(k, n, [w, g, m, v], ({ load, store }) => {
        const weight = load(0);
        const gradient = decays ? k.add(load(1), k.mul(decay, weight)) : load(1);
        const first = blend(k, beta1, load(2), rest1, gradient);
        const second = blend(k, beta2, load(3), k.mul(rest2, gradient), gradient);
        const scale = k.add(k.mul(k.sqrt(second), correction), eps);
        store(0, k.sub(k.mul(shrink, weight), k.div(k.mul(stepSize, first), scale)));
        store(2, first);
        store(3, second);
      });
    // Without a decay it must not be added: 0 · Infinity is no number.
    k.if(k.do("mask.any", k.ne(decay, 0)), () => update(true), () => update(false));
  }),
];
