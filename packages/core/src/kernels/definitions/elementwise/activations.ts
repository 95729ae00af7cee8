// Activation functions, each with its gradient `dx = dy * slope` in one pass. The gradient uses the input x, or the output
// where that is cheaper. The table of kernels says what each computes, and what the parameters p and q are.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { overElements } from "../loops/elements.ts";
import { abs, erf, exp, expm1, log1p, sigmoid, tanh } from "../math/math.ts";

/** tanh √(2/π)·(x + 0.044715 x³) */
function innerTanh(k: Recorder, x: Value): Value {
  const cubic = k.mul(k.mul(x, x), 0.044715);
  return tanh(k, k.mul(k.mul(x, 0.797884561), k.add(1, cubic)));
}

/** ½ + ½t */
function halfPlusHalf(k: Recorder, t: Value): Value {
  return k.mul(0.5, k.add(1, t));
}

type Parameter = Value | Variable;
interface Activation {
  value(k: Recorder, x: Value, p: Parameter, q: Parameter): Value;
  /** `s` is the output for relu, tanh and sigmoid, else the input. */
  gradient(k: Recorder, dy: Value, s: Value, p: Parameter, q: Parameter): Value;
}

const table: Record<string, Activation> = {
  relu: {
    // Keeps NaN, which compares false with everything.
    value: (k, x) => k.do("v.drop", x, k.le(x, 0)),
    gradient: (k, dy, y) => k.do("v.drop", dy, k.le(y, 0)),
  },
  leakyRelu: {
    value: (k, x, p) => k.select(k.gt(x, 0), x, k.mul(x, p)),
    gradient: (k, dy, x, p) => k.select(k.gt(x, 0), dy, k.mul(dy, p)),
  },
  elu: {
    value: (k, x, p) => k.select(k.gt(x, 0), x, k.mul(p, expm1(k, x))),
    gradient: (k, dy, x, p) => k.select(k.le(x, 0), k.mul(dy, k.mul(p, exp(k, x))), dy),
  },
  softplus: {
    value(k, x, p, q) {
      const scaled = k.mul(x, p);
      return k.select(k.gt(scaled, q), x, k.div(log1p(k, exp(k, scaled)), p));
    },
    gradient(k, dy, x, p, q) {
      const scaled = k.mul(x, p);
      return k.select(k.gt(scaled, q), dy, k.mul(dy, sigmoid(k, scaled)));
    },
  },
  tanh: {
    value: tanh,
    gradient: (k, dy, y) => k.mul(dy, k.sub(1, k.mul(y, y))),
  },
  sigmoid: {
    value: sigmoid,
    gradient: (k, dy, y) => k.mul(dy, k.mul(y, k.sub(1, y))),
  },
  silu: {
    value: (k, x) => k.mul(x, sigmoid(k, x)),
    gradient(k, dy, x) {
      const s = sigmoid(k, x);
      return k.mul(dy, k.mul(s, k.add(1, k.mul(x, k.sub(1, s)))));
    },
  },
  geluTanh: {
    value: (k, x) => k.mul(x, halfPlusHalf(k, innerTanh(k, x))),
    gradient(k, dy, s) {
      const x = k.do("v.pmin", k.do("v.pmax", s, -20), 20); // beyond: t is ±1, and x³ might overflow
      const t = innerTanh(k, x);
      const inner = k.mul(0.797884561, k.add(1, k.mul(0.134145, k.mul(x, x))));
      const bend = k.mul(k.mul(0.5, x), k.mul(k.sub(1, k.mul(t, t)), inner));
      return k.mul(dy, k.add(halfPlusHalf(k, t), bend));
    },
  },
  clamp: {
    // These keep a NaN in their first operand.
    value: (k, x, p, q) => k.do("v.pmin", k.do("v.pmax", x, p), q),
    // Passes whatever a bound does not stop, so a NaN bound stops nothing; but stops a NaN input.
    gradient: (k, dy, x, p, q) => k.do("v.drop", dy, k.or(k.le(x, p), k.or(k.ge(x, q), k.ne(x, x)))),
  },
};

function gelu(k: Recorder, x: Value): Value {
  return k.mul(x, halfPlusHalf(k, erf(k, k.mul(x, Math.SQRT1_2))));
}

/** Φ(x) is y/x; near 0 it is ½, and y may have lost its bits. */
function geluGradient(k: Recorder, dy: Value, x: Value, y: Value): Value {
  const cumulative = k.select(k.lt(abs(k, x), 1e-18), k.k(0.5), k.div(y, x));
  const density = k.mul(0.39894228, exp(k, k.mul(-0.5, k.mul(x, x))));
  return k.mul(dy, k.add(cumulative, k.mul(x, density)));
}

export const activations: readonly Definition[] = [
  ...Object.entries(table).flatMap(([name, { value, gradient }]) => [
    defineKernel(name, ["i32", "ptr", "ptr", "f32", "f32"], (k, n, x, y, p, q) =>
      overElements(k, n, [x, y], ({ load, store }) => store(1, value(k, load(0), p, q))),
    ),
    defineKernel(`${name}Grad`, ["i32", "ptr", "ptr", "ptr", "f32", "f32"], (k, n, dy, s, dx, p, q) =>
      overElements(k, n, [dy, s, dx], ({ load, store }) => store(2, gradient(k, load(0), load(1), p, q))),
    ),
  ]),
  defineKernel("gelu", ["i32", "ptr", "ptr"], (k, n, x, y) =>
    overElements(k, n, [x, y], ({ load, store }) => store(1, gelu(k, load(0)))),
  ),
  defineKernel("geluGrad", ["i32", "ptr", "ptr", "ptr", "ptr"], (k, n, dy, x, y, dx) =>
    overElements(k, n, [dy, x, y, dx], ({ load, store }) =>
      store(3, geluGradient(k, load(0), load(1), load(2))),
    ),
  ),
];
