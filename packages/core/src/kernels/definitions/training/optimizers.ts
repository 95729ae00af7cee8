// Updates of optimizers. Each operation is rounded, so that threads may cut the work anywhere. The table of kernels says
// which numbers the cells hold.
import type { Definition } from "../../language/definition.ts";
import { defineKernel } from "../../language/definition.ts";
import type { Recorder } from "../../language/recorder.ts";
import type { Value, Variable } from "../../language/values.ts";
import { overElements } from "../loops/elements.ts";
import { sign } from "../math/math.ts";

type Five = [Value, Value, Value, Value, Value];
type Six = [...Five, Value];
type Nine = [...Six, Value, Value, Value];

function cellsAt(k: Recorder, cells: Variable, count: number): Value[] {
  return Array.from({ length: count }, (_, i) => k.splat(cells, 4 * i));
}

/** a·x + b·y */
function blend(k: Recorder, a: Value, x: Value, b: Value, y: Value): Value {
  return k.add(k.mul(a, x), k.mul(b, y));
}

/** A flag: whether a number, in all lanes, is not 0. */
function isSet(k: Recorder, x: Value): Value {
  return k.do("mask.any", k.ne(x, 0));
}

/**
 * Makes g + decay·w of g and w, the gradient of the loss with an L2 penalty. Without a decay it must not be added:
 * 0 · Infinity is NaN.
 */
function withDecay(k: Recorder, decay: Value): (g: Value, w: Value) => Value {
  const decays = k.ne(decay, 0);
  return (g, w) => k.select(decays, k.add(g, k.mul(decay, w)), g);
}

function sgd(k: Recorder, n: Variable, w: Variable, g: Variable, velocity: Variable, cells: Variable): void {
  const [lr, momentum, rest, decay, nesterov] = cellsAt(k, cells, 5) as Five;
  const decayed = withDecay(k, decay);
  const looksAhead = k.ne(nesterov, 0);
  k.if(
    k.ne(velocity, 0),
    () =>
      overElements(k, n, [w, g, velocity], ({ load, store }) => {
        const weight = load(0);
        const gradient = decayed(load(1), weight);
        const speed = blend(k, momentum, load(2), rest, gradient);
        const step = k.select(looksAhead, k.add(gradient, k.mul(momentum, speed)), speed);
        store(2, speed);
        store(0, k.sub(weight, k.mul(lr, step)));
      }),
    () =>
      overElements(k, n, [w, g], ({ load, store }) => {
        const weight = load(0);
        store(0, k.sub(weight, k.mul(lr, decayed(load(1), weight))));
      }),
  );
}

function adam(
  k: Recorder,
  n: Variable,
  w: Variable,
  g: Variable,
  m: Variable,
  v: Variable,
  cells: Variable,
): void {
  const [beta1, rest1, beta2, rest2, stepSize, correction, eps, decay, shrink] = cellsAt(k, cells, 9) as Nine;
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
  k.if(
    isSet(k, decay),
    () => update(true),
    () => update(false),
  );
}

interface RmsProp {
  readonly n: Variable;
  readonly w: Variable;
  readonly g: Variable;
  readonly square: Variable;
  readonly average: Variable;
  readonly velocity: Variable;
  readonly cells: Variable;
}

function rmsProp(k: Recorder, { n, w, g, square, average, velocity, cells }: RmsProp): void {
  const [lr, alpha, rest, eps, momentum, decay] = cellsAt(k, cells, 6) as Six;
  const decayed = withDecay(k, decay);
  const update = (centered: boolean, moves: boolean) => () => {
    const arrays = [w, g, square, ...(centered ? [average] : []), ...(moves ? [velocity] : [])];
    overElements(k, n, arrays, ({ load, store }) => {
      const weight = load(0);
      const gradient = decayed(load(1), weight);
      const ofSquares = blend(k, alpha, load(2), k.mul(rest, gradient), gradient);
      store(2, ofSquares);
      let variance = ofSquares;
      if (centered) {
        const before = load(3);
        const mean = k.add(before, k.mul(rest, k.sub(gradient, before)));
        store(3, mean);
        variance = k.max(k.sub(variance, k.mul(mean, mean)), 0);
      }
      const scale = k.add(k.sqrt(variance), eps);
      if (moves) {
        const last = arrays.length - 1;
        const speed = k.add(k.mul(momentum, load(last)), k.div(gradient, scale));
        store(last, speed);
        store(0, k.sub(weight, k.mul(lr, speed)));
      } else store(0, k.sub(weight, k.div(k.mul(lr, gradient), scale)));
    });
  };
  k.if(
    k.ne(average, 0),
    () => k.if(k.ne(velocity, 0), update(true, true), update(true, false)),
    () => k.if(k.ne(velocity, 0), update(false, true), update(false, false)),
  );
}

function adagrad(k: Recorder, n: Variable, w: Variable, g: Variable, sum: Variable, cells: Variable): void {
  const [lr, eps, decay] = cellsAt(k, cells, 3) as [Value, Value, Value];
  const decayed = withDecay(k, decay);
  overElements(k, n, [w, g, sum], ({ load, store }) => {
    const weight = load(0);
    const gradient = decayed(load(1), weight);
    const total = k.add(load(2), k.mul(gradient, gradient));
    store(2, total);
    store(0, k.sub(weight, k.div(k.mul(lr, gradient), k.add(k.sqrt(total), eps))));
  });
}

function lion(k: Recorder, n: Variable, w: Variable, g: Variable, m: Variable, cells: Variable): void {
  const [lr, beta1, rest1, beta2, rest2, shrink] = cellsAt(k, cells, 6) as Six;
  overElements(k, n, [w, g, m], ({ load, store }) => {
    const gradient = load(1);
    const before = load(2);
    const direction = sign(k, blend(k, beta1, before, rest1, gradient));
    store(0, k.sub(k.mul(shrink, load(0)), k.mul(lr, direction)));
    store(2, blend(k, beta2, before, rest2, gradient));
  });
}

const pointers = (count: number) => ["i32", ...Array.from({ length: count }, () => "ptr" as const)] as const;

export const optimizers: readonly Definition[] = [
  defineKernel("sgd", pointers(4), sgd),
  defineKernel("adam", pointers(5), adam),
  defineKernel("rmsProp", pointers(6), (k, n, w, g, square, average, velocity, cells) =>
    rmsProp(k, { n, w, g, square, average, velocity, cells } as RmsProp),
  ),
  defineKernel("adagrad", pointers(4), adagrad),
  defineKernel("lion", pointers(4), lion),
];
