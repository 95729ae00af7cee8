import { afterAll, describe, expect, it } from "vitest";
import type { DType } from "../dtype.ts";
import { ValueError } from "../errors.ts";
import { useKernels } from "../kernels/dispatch.ts";
import { tensor } from "../ops/create/create.ts";
import type { Tensor } from "../tensor.ts";
import { clipGradNorm, clipGradValue } from "./clip.ts";

afterAll(() => {
  useKernels("auto");
});

const value = (i: number): number => Math.sin(i * 12.9898) * 10 ** ((i % 5) - 2);

/** Parameters with gradients of the given sizes, and one without a gradient between them. */
function withGradients(sizes: readonly number[], dtype: DType = "float64"): Tensor[] {
  const parameters = sizes.map((n, p) => {
    const parameter = tensor(new Array(n).fill(0), { dtype, shape: [n] });
    parameter.grad = tensor(
      Float64Array.from({ length: n }, (_, i) => value(i + 10 * p)),
      { dtype },
    );
    return parameter;
  });
  return [...parameters.slice(0, 1), tensor([1], { dtype }), ...parameters.slice(1)];
}

const gradients = (parameters: readonly Tensor[]): number[] =>
  parameters.flatMap(({ grad }) => (grad ? [...grad.data()] : []));

const norms: readonly [p: number, norm: (x: readonly number[]) => number][] = [
  [2, (x) => Math.hypot(...x)],
  [1, (x) => x.reduce((sum, a) => sum + Math.abs(a), 0)],
  [3, (x) => Math.cbrt(x.reduce((sum, a) => sum + Math.abs(a) ** 3, 0))],
  [Infinity, (x) => Math.max(...x.map(Math.abs))],
];

describe.each(norms)("clipGradNorm with the %d-norm", (normType, normOf) => {
  it.each<[DType, number]>([
    ["float64", 12],
    ["float32", 5],
  ])("scales all %s gradients together", (dtype, digits) => {
    for (const sizes of [[5], [1, 3, 4], [7, 16, 33], [0, 2]]) {
      for (const maxNorm of [0.5, 1e4]) {
        const parameters = withGradients(sizes, dtype);
        const before = gradients(parameters);
        const norm = normOf(before);
        const got = clipGradNorm(parameters, maxNorm, { normType });
        expect(got.shape).toEqual([]);
        expect(got.dtype).toBe(dtype);
        expect(got.item() / norm).toBeCloseTo(1, digits);
        const scale = Math.min(1, maxNorm / (norm + 1e-6));
        gradients(parameters).forEach((after, i) => {
          expect(Math.abs(after - before[i]! * scale)).toBeLessThanOrEqual(
            10 ** -digits * Math.abs(before[i]!),
          );
        });
      }
    }
  });
});

it("below the limit no bit changes", () => {
  const parameters = withGradients([9], "float32");
  const before = gradients(parameters);
  clipGradNorm(parameters, 1e9);
  expect(gradients(parameters)).toEqual(before);
});

it("a norm that float32 squares would overflow is finite", () => {
  const parameter = tensor([0, 0]);
  parameter.grad = tensor([3e30, 4e30]);
  expect(clipGradNorm([parameter], 1).item()).toBeCloseTo(5e30, -25);
  expect(parameter.grad.data()[0]).toBeCloseTo(0.6, 6);
});

it("an infinite norm shows in the gradients, or throws if asked to", () => {
  const parameter = tensor([0, 0]);
  parameter.grad = tensor([Infinity, 1]);
  expect(() => clipGradNorm([parameter], 1, { errorIfNonfinite: true })).toThrow(
    /norm of the gradients is Infinity/,
  );
  expect([...parameter.grad.data()]).toEqual([Infinity, 1]);
  expect(clipGradNorm([parameter], 1).item()).toBe(Infinity);
  expect([...parameter.grad.data()]).toEqual([Number.NaN, 0]);
});

it("with the norm Infinity gradients are measured, and stay as they are to the bit", () => {
  const parameters = withGradients([5, 3], "float32");
  const before = gradients(parameters);
  expect(clipGradNorm(parameters, Infinity).item()).toBeCloseTo(Math.hypot(...before), 4);
  expect(gradients(parameters)).toEqual(before);
  parameters[0]!.grad!.data()[0] = Infinity;
  expect(clipGradNorm(parameters, Infinity).item()).toBe(Infinity);
  expect(gradients(parameters)).toEqual(before.with(0, Infinity));
  clipGradValue(parameters, Infinity);
  expect(gradients(parameters)).toEqual(before.with(0, Infinity));
});

it("without any gradient the norm is 0", () => {
  expect(clipGradNorm([tensor([1])], 1).item()).toBe(0);
});

it("the fast sum of squares and the limit equal the reference", () => {
  const special = [Number.NaN, Infinity, -Infinity, -0, 1e-40];
  for (const n of [0, 1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 65, 127, 128, 129]) {
    const run = (): [number, number[]] => {
      const parameters = withGradients([n], "float32");
      const norm = clipGradNorm(parameters, 1e9).item();
      parameters[0]!.grad!.data().set(special.slice(0, n));
      clipGradValue(parameters, 0.5);
      return [norm, gradients(parameters)];
    };
    useKernels("reference");
    const expected = run();
    useKernels("auto");
    const got = run();
    expect(got[0]).toBeCloseTo(expected[0], 6);
    expect(got[1]).toEqual(expected[1]);
  }
});

it("clipGradValue limits every element, and keeps NaN", () => {
  const parameter = tensor([0, 0, 0, 0, 0]);
  parameter.grad = tensor([-3, 0.5, 2, Number.NaN, -0]);
  clipGradValue([parameter, tensor([1])], 1);
  expect([...parameter.grad.data()]).toEqual([-1, 0.5, 1, Number.NaN, -0]);
});

it.each<[() => void, RegExp]>([
  [() => clipGradNorm([], -1), /clipGradNorm: maxNorm is -1/],
  [() => clipGradNorm([], 1, { normType: 0 }), /clipGradNorm: normType is 0/],
  [() => clipGradValue([], Number.NaN), /clipGradValue: clipValue is NaN/],
])("mistake %#", (run, message) => {
  expect(run).toThrow(ValueError);
  expect(run).toThrow(message);
});
