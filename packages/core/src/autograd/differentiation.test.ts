// Derivatives of functions: known ones, and what must hold for any function, checked on random programs.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DTypeError, ShapeError } from "../errors.ts";
import { kernelSet } from "../kernels/dispatch.ts";
import { heap } from "../memory/heap.ts";
import { logSoftmax } from "../ops/activations/softmax.ts";
import { add, div, mul, neg, sub } from "../ops/arithmetic/arithmetic.ts";
import { exp, log, sqrt } from "../ops/arithmetic/unary.ts";
import { cast } from "../ops/create/cast.ts";
import { tensor } from "../ops/create/create.ts";
import { linear, matmul } from "../ops/linear-algebra/matmul.ts";
import { expand, sum } from "../ops/shape/broadcast.ts";
import { transpose } from "../ops/shape/shape.ts";
import { scope } from "../scope.ts";
import type { Shape } from "../shape.ts";
import { sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { checkpoint } from "./checkpoint.ts";
import { noGrad } from "./define-op.ts";
import type { DerivativeOptions, TensorFunction } from "./differentiation.ts";
import { hessian, hvp, jacobian, jvp, valueAndGrad, vjp } from "./differentiation.ts";
import { detach } from "./gradient-ops.ts";
import { backward, grad } from "./tape.ts";

const of = (data: Parameters<typeof tensor>[0], shape?: Shape) =>
  tensor(data, { dtype: "float64", ...(shape && { shape }) });
const values = (x: Tensor) => Array.from(x.toArray());
const dot = (a: readonly Tensor[], b: readonly Tensor[]) =>
  a.reduce((total, x, i) => {
    const y = b[i]!.toArray();
    return values(x).reduce((partial, value, j) => partial + value * y[j]!, total);
  }, 0);
const close = (a: number, b: number, tolerance: number) => {
  expect(Math.abs(a - b) / Math.max(1, Math.abs(a), Math.abs(b))).toBeLessThan(tolerance);
};

// f(x, y) = Σ eˣ y²
const f: TensorFunction = (x, y) => sum(mul(exp(x), mul(y, y)));
const x = of([0.5, -1]);
const y = of([2, 3]);
const e = values(x).map(Math.exp);

test("valueAndGrad", () => {
  const { value, grads } = valueAndGrad(f)(x, y);
  close(value.item(), 4 * e[0]! + 9 * e[1]!, 1e-14);
  expect(values(grads[0]!)).toEqual([4 * e[0]!, 9 * e[1]!]);
  expect(values(grads[1]!)).toEqual([4 * e[0]!, 6 * e[1]!]);
  expect([value.tracked, grads[0]!.tracked, x.requiresGrad, x.grad]).toEqual([false, false, false, null]);
});

test("jvp and vjp", () => {
  const g: TensorFunction = (a, b) => mul(mul(a, a), b);
  const { value, tangent } = jvp(g, [x, y], [of([1, 10]), of([100, 1000])]);
  expect(values(value)).toEqual([0.5, 3]);
  // 2ab da + a² db
  expect(values(tangent)).toEqual([2 * 0.5 * 2 + 0.25 * 100, 2 * -1 * 3 * 10 + 1000]);
  const pulled = vjp(g, [x, y]);
  expect(values(pulled.value)).toEqual([0.5, 3]);
  for (const scale of [1, 2]) {
    const v = of([scale, 10 * scale]);
    expect(pulled.pullback(v).map(values)).toEqual([
      [2 * scale, -60 * scale],
      [0.25 * scale, 10 * scale],
    ]);
  }
});

test("hvp, jacobian and hessian", () => {
  const [v, w] = [of([1, 10]), of([100, 1000])];
  const blocks = hessian(f, [x, y]);
  const [xx, xy, yx, yy] = blocks.flat().map(values);
  expect(xx).toEqual([4 * e[0]!, 0, 0, 9 * e[1]!]);
  expect(xy).toEqual([4 * e[0]!, 0, 0, 6 * e[1]!]);
  expect(yx).toEqual(xy);
  expect(yy).toEqual([2 * e[0]!, 0, 0, 2 * e[1]!]);
  const { value, products } = hvp(f, [x, y], [v, w]);
  close(value.item(), f(x, y).item(), 1e-15);
  const product = (row: Tensor[]) => add(matmul(row[0]!, v), matmul(row[1]!, w));
  products.forEach((found, i) => {
    values(product(blocks[i]!)).forEach((value, j) => {
      close(values(found)[j]!, value, 1e-14);
    });
  });
  const [j] = jacobian(
    (a) =>
      matmul(
        a,
        of([
          [1, 2, 3],
          [4, 5, 6],
        ]),
      ),
    [x],
  );
  expect([j!.shape, values(j!)]).toEqual([
    [3, 2],
    [1, 4, 2, 5, 3, 6],
  ]);
});

test("what does not depend on an input has derivative 0", () => {
  const constant: TensorFunction = () => of(3);
  expect(valueAndGrad(constant)(x).grads.map(values)).toEqual([[0, 0]]);
  expect(values(jvp(constant, [x], [x]).tangent)).toEqual([0]);
  expect(hvp((a) => sum(a), [x], [x]).products.map(values)).toEqual([[0, 0]]);
  expect(
    hessian((a, b) => sum(add(a, b)), [x, y])
      .flat()
      .map(values),
  ).toEqual(Array(4).fill([0, 0, 0, 0]));
  expect(jacobian((a) => detach(a), [x]).map(values)).toEqual([[0, 0, 0, 0]]);
});

test("works inside noGrad, on another dtype inside, and on scalars", () => {
  noGrad(() => {
    expect(values(valueAndGrad((a) => mul(a, a))(of(3)).grads[0]!)).toEqual([6]);
  });
  const { grads } = valueAndGrad((a) => sum(mul(cast(a, "float32"), 2)))(x);
  expect([grads[0]!.dtype, ...values(grads[0]!)]).toEqual(["float64", 2, 2]);
  expect(
    hessian((a) => mul(mul(a, a), a), [of(2)])
      .flat()
      .map(values),
  ).toEqual([[12]]);
});

test("leaves alone the graph that the function closes over", () => {
  const w = tensor([1, 2], { dtype: "float64", requiresGrad: true });
  const h = mul(w, w);
  expect(values(valueAndGrad((a) => sum(mul(a, h)))(x).grads[0]!)).toEqual([1, 4]);
  backward(sum(h));
  expect(values(w.grad!)).toEqual([2, 4]);
});

describe("with createGraph", () => {
  const options: DerivativeOptions = { createGraph: true };
  const slope = (g: TensorFunction) => (a: Tensor) => valueAndGrad(g, options)(a).grads[0]!;
  const cube = (a: Tensor) => mul(mul(a, a), a);

  test("nests: the derivative of a derivative", () => {
    expect(values(slope(slope(slope(cube)))(of(5)))).toEqual([6]);
    const second = jvp((a) => jvp((b) => cube(b), [a], [of(1)], options).tangent, [of(5)], [of(1)]);
    expect(values(second.tangent)).toEqual([30]);
    const third = valueAndGrad((a) => hvp(cube, [a], [of(1)], options).products[0]!)(of(5));
    expect(values(third.grads[0]!)).toEqual([6]);
    const mixed = valueAndGrad((a) => sum(vjp((b) => mul(b, b), [a], options).pullback(of([1, 10]))[0]!))(x);
    expect(values(mixed.grads[0]!)).toEqual([2, 20]);
  });

  test("reaches what the function closes over", () => {
    const w = tensor([2, 3], { dtype: "float64", requiresGrad: true });
    const { value, grads } = valueAndGrad((a) => sum(mul(mul(a, a), w)), options)(x);
    const [byGradient] = grad(sum(grads[0]!), [w], { retainGraph: true });
    const [byValue] = grad(value, [w]);
    expect([values(byGradient!), values(byValue!)]).toEqual([
      [1, -2],
      [0.25, 1],
    ]);
  });

  test("is also differentiated by the vector", () => {
    const v = tensor([1, 1], { dtype: "float64", requiresGrad: true });
    const { tangent } = jvp((a) => exp(a), [x], [v], options);
    expect(values(grad(sum(tangent), [v])[0]!)).toEqual(e);
  });
});

test("all memory is given back but the results", () => {
  kernelSet();
  const { arena } = heap();
  const results: [number, () => Tensor[]][] = [
    [3, () => Object.values(valueAndGrad(f)(x, y)).flat()],
    [2, () => Object.values(jvp(f, [x, y], [x, y]))],
    [3, () => Object.values(hvp(f, [x, y], [x, y])).flat()],
    [2, () => jacobian(f, [x, y])],
    [4, () => hessian(f, [x, y]).flat()],
  ];
  for (const [count, run] of results) {
    const before = arena.live;
    const found = run();
    expect([found.length, arena.live - before]).toEqual([count, count * 64]);
    for (const result of found) result.dispose();
  }
  const w = tensor([1, 2], { dtype: "float64", requiresGrad: true });
  const held = arena.live;
  const recorded = valueAndGrad(f, { createGraph: true })(w, y);
  const slope = sum(recorded.grads[0]!);
  backward(slope);
  for (const result of [recorded.value, ...recorded.grads, slope, w.grad!]) result.dispose();
  expect(arena.live).toBe(held);

  const before = arena.live;
  const pulled = vjp(f, [x, y]);
  for (const result of [pulled.value, ...pulled.pullback(pulled.value)]) result.dispose();
  pulled[Symbol.dispose]();
  expect(arena.live).toBe(before);
});

test.each<[error: new (message?: string) => Error, message: RegExp, act: () => unknown]>([
  [
    ShapeError,
    /valueAndGrad: the function's result has shape \[2\], expected a scalar; reduce it/,
    () => valueAndGrad((a) => a)(x),
  ],
  [ShapeError, /hessian: .*\[2\], expected a scalar/, () => hessian((a) => a, [x])],
  [ShapeError, /hvp: .*\[2\], expected a scalar/, () => hvp((a) => a, [x], [x])],
  [
    DTypeError,
    /jacobian: input 1 is int32, expected float32 or float64/,
    () => jacobian((a) => a, [x, tensor([1], { dtype: "int32" })]),
  ],
  [ShapeError, /jvp: got 1 vectors for 2 inputs/, () => jvp(f, [x, y], [x])],
  [ShapeError, /hvp: vector 1: the gradient has shape \[3\]/, () => hvp(f, [x, y], [x, of([1, 2, 3])])],
  [DTypeError, /jvp: vector 0: the gradient is float32/, () => jvp((a) => a, [x], [tensor([1, 2])])],
  [
    ShapeError,
    /vjp: the gradient has shape \[3\], the tensor \[\]/,
    () => vjp(f, [x, y]).pullback(of([1, 2, 3])),
  ],
])("%o %s", (kind, message, act) => {
  expect(act).toThrow(kind);
  expect(act).toThrow(message);
});

// Random programs: each line computes a [3,4] from earlier ones, bounded, smooth, through ops of every kind.
const shape = [3, 4];
type Line = (pool: Tensor[]) => Tensor;
const square = (a: Tensor) => mul(a, a);
const lines: readonly ((a: Tensor, b: Tensor) => Tensor)[] = [
  (a, b) => add(a, b),
  (a, b) => sub(mul(a, 0.5), b),
  (a, b) => mul(a, exp(neg(square(b)))),
  (a) => exp(neg(square(a))),
  (a, b) => div(a, add(square(b), 1)),
  (a, b) => sqrt(add(square(sub(a, b)), 0.5)),
  (a) => log(add(square(a), 1)),
  (a) => logSoftmax(a),
  (a) => logSoftmax(a, 0),
  (a, b) => mul(matmul(matmul(a, transpose(b)), a), 0.1),
  (a, b) => mul(linear(a, matmul(transpose(a), b)), 0.1),
  (a, b) => sub(a, expand(mul(sum(b, 1, { keepDim: true }), 0.25), shape)),
  (a, b) => mul(a, exp(neg(square(mul(sum(b, 0), 0.3))))),
];
const line: fc.Arbitrary<Line> = fc.tuple(fc.constantFrom(...lines), fc.nat(), fc.nat()).map(
  ([op, i, j]) =>
    (pool) =>
      op(pool[i % pool.length]!, pool[j % pool.length]!),
);
const program: fc.Arbitrary<TensorFunction> = fc
  .array(line, { minLength: 1, maxLength: 8 })
  .map((program) => (...inputs) => {
    const pool = [...inputs];
    for (const next of program) pool.push(next(pool));
    return pool.at(-1)!;
  });
const matrix = fc
  .array(fc.integer({ min: -20, max: 20 }), { minLength: sizeOf(shape), maxLength: sizeOf(shape) })
  .map(
    (data) => () =>
      of(
        data.map((value) => value / 10),
        shape,
      ),
  );
const pair = fc.tuple(matrix, matrix).map((make) => () => make.map((m) => m()));
/** Runs a property in a scope, on programs whose values stay of moderate size. */
const holds = (property: (f: TensorFunction, primals: Tensor[], vectors: Tensor[], u: Tensor) => void) =>
  fc.assert(
    fc.property(program, pair, pair, matrix, (f, primals, vectors, u) => {
      scope(() => {
        const inputs = primals();
        fc.pre(values(f(...inputs)).every((value) => Math.abs(value) < 50));
        property(f, inputs, vectors(), u());
      });
    }),
    { seed: 1, numRuns: 100 },
  );
const scalar =
  (f: TensorFunction): TensorFunction =>
  (...inputs) =>
    mul(sum(f(...inputs)), 0.1);

describe("for any program", () => {
  test("jvp is vjp transposed: ⟨u, J v⟩ = ⟨Jᵀ u, v⟩", () => {
    holds((f, primals, vectors, u) => {
      const forward = dot([u], [jvp(f, primals, vectors).tangent]);
      close(forward, dot(vjp(f, primals).pullback(u), vectors), 1e-10);
    });
  });

  test("jvp is the difference quotient along the tangent", () => {
    holds((f, primals, vectors, u) => {
      const at = (h: number) => dot([u], [f(...primals.map((p, i) => add(p, mul(vectors[i]!, h))))]);
      close(dot([u], [jvp(f, primals, vectors).tangent]), (at(1e-6) - at(-1e-6)) / 2e-6, 1e-4);
    });
  });

  test("hvp is the difference quotient of the gradient, and symmetric: ⟨w, H v⟩ = ⟨H w, v⟩", () => {
    holds((f, primals, vectors) => {
      const g = scalar(f);
      const { products } = hvp(g, primals, vectors);
      const at = (h: number) =>
        dot(valueAndGrad(g)(...primals.map((p, i) => add(p, mul(vectors[i]!, h)))).grads, primals);
      close(dot(products, primals), (at(1e-6) - at(-1e-6)) / 2e-6, 1e-4);
      close(dot(products, primals), dot(hvp(g, primals, primals).products, vectors), 1e-9);
    });
  });

  test("no direction is steeper than the gradient", () => {
    holds((f, primals, vectors) => {
      const g = scalar(f);
      const { grads } = valueAndGrad(g)(...primals);
      const norm = (v: Tensor[]) => Math.sqrt(dot(v, v));
      const slope = (v: Tensor[]) => {
        const h = 1e-6 / norm(v);
        const at = (t: number) => g(...primals.map((p, i) => add(p, mul(v[i]!, t)))).item();
        return (at(h) - at(-h)) / 2e-6;
      };
      fc.pre(norm(grads) > 1e-3 && norm(vectors) > 0);
      const steepest = slope(grads);
      close(steepest, norm(grads), 1e-4);
      expect(slope(vectors)).toBeLessThanOrEqual(steepest + 1e-4 * Math.max(1, steepest));
    });
  });

  test("checkpoint changes no bit of first and second derivatives", () => {
    holds((f, primals, vectors) => {
      const twice =
        (g: TensorFunction): TensorFunction =>
        (...inputs) =>
          add(g(...inputs), g(inputs[1]!, g(...inputs)));
      const found = [f, (...inputs: Tensor[]) => checkpoint(f, ...inputs)].map((g) => {
        const { products } = hvp(scalar(twice(g)), primals, vectors);
        return [...valueAndGrad(scalar(twice(g)))(...primals).grads, ...products].map(values);
      });
      expect(found[1]).toEqual(found[0]);
    });
  });
});

describe("a derivative inside a function that is differentiated is not a constant", () => {
  const cube = (x: Tensor) => mul(mul(x, x), x);
  const at = () => tensor([1, 2], { dtype: "float64" });
  const ones = () => tensor([1, 1], { dtype: "float64" });

  test.each<[name: string, slope: (x: Tensor) => Tensor]>([
    ["valueAndGrad", (x) => valueAndGrad((y) => sum(cube(y)))(x).grads[0]!],
    ["vjp", (x) => vjp(cube, [x]).pullback(ones())[0]!],
    ["jvp", (x) => jvp(cube, [x], [ones()]).tangent],
  ])("%s", (_name, slope) => {
    expect([...slope(at()).toArray()]).toEqual([3, 12]);
    expect([...jvp(slope, [at()], [ones()]).tangent.toArray()]).toEqual([6, 12]);
    expect([...jacobian(slope, [at()])[0]!.toArray()]).toEqual([6, 0, 0, 12]);
  });

  test.each([
    ["jacobian", (x: Tensor) => jacobian(cube, [x])[0]!],
    ["hessian", (x: Tensor) => hessian((y) => sum(cube(y)), [x])[0]![0]!],
  ])("%s, which is not recorded, says so", (name, f) => {
    expect(() => jacobian(f, [at()])).toThrow(`${name}: called in a function that is being differentiated`);
  });
});
