// Reference kernels: activation functions and their gradients, a row each.
import type { NumericArray } from "../../dtype.ts";
import type { ActivationKernels, ActivationName, Kernels } from "../table.ts";
import { normalCumulative, normalDensity } from "./erf.ts";

interface Row {
  value: (x: number, p: number, q: number) => number;
  /** From the output for relu, tanh and sigmoid, else from the input. */
  gradient: (dy: number, s: number, p: number, q: number, round: (x: number) => number) => number;
}

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
const scale = Math.sqrt(2 / Math.PI);
const innerTanh = (x: number) => Math.tanh(scale * x * (1 + 0.044715 * x * x));

const rows: Record<ActivationName, Row> = {
  relu: {
    value: (x) => (x <= 0 ? 0 : x),
    gradient: (dy, y) => (y <= 0 ? 0 : dy),
  },
  leakyRelu: {
    value: (x, p) => (x > 0 ? x : p * x),
    gradient: (dy, x, p) => (x > 0 ? dy : p * dy),
  },
  elu: {
    value: (x, p) => (x > 0 ? x : p * Math.expm1(x)),
    gradient: (dy, x, p) => (x <= 0 ? dy * p * Math.exp(x) : dy),
  },
  softplus: {
    value: (x, p, q) => (p * x > q ? x : Math.log1p(Math.exp(p * x)) / p),
    gradient: (dy, x, p, q) => (p * x > q ? dy : dy * sigmoid(p * x)),
  },
  tanh: {
    value: Math.tanh,
    gradient: (dy, y, _p, _q, round) => dy * round(1 - round(y * y)),
  },
  sigmoid: {
    value: sigmoid,
    gradient: (dy, y, _p, _q, round) => dy * round(y * round(1 - y)),
  },
  silu: {
    value: (x) => x * sigmoid(x),
    gradient: (dy, x) => dy * sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  },
  geluTanh: {
    value: (x) => 0.5 * x * (1 + innerTanh(x)),
    gradient: (dy, s) => {
      // Beyond, t is exactly ±1, and Infinity times 0 would be NaN.
      const x = s < -20 ? -20 : s > 20 ? 20 : s;
      const t = innerTanh(x);
      return 0.5 * dy * (1 + t + x * (1 - t * t) * scale * (1 + 3 * 0.044715 * x * x));
    },
  },
  clamp: {
    value: (x, p, q) => {
      const raised = x < p ? p : x;
      return raised > q ? q : raised;
    },
    gradient: (dy, x, p, q) => (x <= p || x >= q || Number.isNaN(x) ? 0 : dy),
  },
};

export function activations(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;
  // The fast kernels take float32 parameters, and round where a gradient is just a few products.
  const round = F instanceof Float32Array ? Math.fround : (value: number) => value;
  const kernels: Partial<ActivationKernels> = {
    gelu(n, x, y) {
      for (let i = 0; i < n; i++) F[y / width + i] = F[x / width + i]! * normalCumulative(F[x / width + i]!);
    },
    geluGrad(n, dy, x, _, dx) {
      for (let i = 0; i < n; i++) {
        const at = F[x / width + i]!;
        F[dx / width + i] = F[dy / width + i]! * (normalCumulative(at) + at * normalDensity(at));
      }
    },
  };
  for (const [name, { value, gradient }] of Object.entries(rows) as [ActivationName, Row][]) {
    kernels[name] = (n, x, y, p, q) => {
      for (let i = 0; i < n; i++) F[y / width + i] = value(F[x / width + i]!, round(p), round(q));
    };
    kernels[`${name}Grad`] = (n, dy, s, dx, p, q) => {
      for (let i = 0; i < n; i++) {
        F[dx / width + i] = gradient(F[dy / width + i]!, F[s / width + i]!, round(p), round(q), round);
      }
    };
  }
  return kernels as ActivationKernels satisfies Partial<Kernels>;
}
