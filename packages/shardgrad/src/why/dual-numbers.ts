// The truth that gradients are compared with. A dual number a + bε, with ε² = 0, carries the derivative b beside the
// value a through every operation by the rules of calculus: nothing is nudged, so nothing is truncated or cancelled, and
// only the rounding of float64 remains (about 1e-16 for each operation). Plain loops that share no code with the library.
// https://doi.org/10.1112/plms/s1-4.1.381 (Clifford 1873)

/** The value and the derivative by the one weight that has the derivative 1. */
interface Dual {
  a: number;
  b: number;
}

const plus = (x: Dual, y: Dual): Dual => ({ a: x.a + y.a, b: x.b + y.b });
const times = (x: Dual, y: Dual): Dual => ({ a: x.a * y.a, b: x.a * y.b + x.b * y.a });

function tanh(x: Dual): Dual {
  const a = Math.tanh(x.a);
  return { a, b: (1 - a * a) * x.b };
}

/** `-log softmax(logits)[label]`, shifted by the largest logit, which changes nothing. */
function surprise(logits: readonly Dual[], label: number): Dual {
  const shift = Math.max(...logits.map(({ a }) => a));
  const sum = logits
    .map(({ a, b }): Dual => ({ a: Math.exp(a - shift), b: Math.exp(a - shift) * b }))
    .reduce(plus);
  const own = logits[label]!;
  return { a: Math.log(sum.a) + shift - own.a, b: sum.b / sum.a - own.b };
}

/** A weight matrix [outputs, inputs] and a bias, row by row. */
export interface Layer {
  weight: readonly (readonly number[])[];
  bias: readonly number[];
}

/** The derivative of the mean cross-entropy by one weight. */
function derivative(
  layers: readonly Layer[],
  { points, arms }: { points: readonly (readonly number[])[]; arms: readonly number[] },
  isIt: (layer: number, row: number, column: number) => boolean,
): Dual {
  const lift = (a: number, chosen: boolean): Dual => ({ a, b: chosen ? 1 : 0 });
  const dual = layers.map(({ weight, bias }, k) => ({
    weight: weight.map((row, r) => row.map((w, c) => lift(w, isIt(k, r, c)))),
    bias: bias.map((w, r) => lift(w, isIt(k, r, -1))),
  }));
  let total: Dual = { a: 0, b: 0 };
  points.forEach((point, i) => {
    let x = point.map((a) => lift(a, false));
    dual.forEach(({ weight, bias }, k) => {
      const y = weight.map((row, r) => row.map((w, c) => times(w, x[c]!)).reduce(plus, bias[r]!));
      x = k < dual.length - 1 ? y.map(tanh) : y;
    });
    total = plus(total, surprise(x, arms[i]!));
  });
  return { a: total.a / points.length, b: total.b / points.length };
}

/** The gradient of the mean cross-entropy: one pass for each weight, weights and then bias, layer by layer. */
export function trueGradient(
  layers: readonly Layer[],
  data: { points: readonly (readonly number[])[]; arms: readonly number[] },
): { gradient: Float64Array; loss: number } {
  const gradient: number[] = [];
  layers.forEach(({ weight, bias }, k) => {
    const by = (r: number, c: number) =>
      derivative(layers, data, (layer, row, column) => layer === k && row === r && column === c).b;
    weight.forEach((row, r) => {
      row.forEach((_, c) => {
        gradient.push(by(r, c));
      });
    });
    bias.forEach((_, r) => {
      gradient.push(by(r, -1));
    });
  });
  return { gradient: Float64Array.from(gradient), loss: derivative(layers, data, () => false).a };
}
