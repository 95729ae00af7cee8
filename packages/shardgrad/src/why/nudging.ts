// Question 5: nudging the weight of a linear model by 0.5 in the direction that lowers the loss; then two weights, then
// millions.
import type { Tensor } from "@shardgrad/core";
import { backpropagation, matmul, mse, scope, tensor } from "@shardgrad/core";
import { descend } from "./networks.ts";

/** A point of a path: the weights and the loss. */
export interface Place {
  w: number[];
  loss: number;
}

/** The loss of `y = x w` on some samples. */
export interface LinearProblem {
  x: readonly (readonly number[])[];
  y: readonly number[];
}

export function lossAt({ x, y }: LinearProblem, w: readonly number[]): number {
  const errors = x.map((row, i) => row.reduce((sum, value, k) => sum + value * w[k]!, -y[i]!));
  return errors.reduce((sum, error) => sum + error * error, 0) / errors.length;
}

/** Moves one weight at a time by `step`, to the best neighbour, until no neighbour is better. */
export function nudge(problem: LinearProblem, start: readonly number[], step: number) {
  const at = (w: number[]): Place => ({ w, loss: lossAt(problem, w) });
  const neighbours = ({ w }: Place) =>
    w.flatMap((_, k) => [step, -step].map((by) => at(w.map((value, i) => (i === k ? value + by : value)))));
  const path = [at([...start])];
  let evaluations = 1;
  for (;;) {
    const around = neighbours(path.at(-1)!);
    evaluations += around.length;
    const best = around.reduce((a, b) => (b.loss < a.loss ? b : a));
    if (!(best.loss < path.at(-1)!.loss)) return { path, around, evaluations };
    path.push(best);
  }
}

/** Follows the gradient instead: as many steps as given, by the library. */
export function follow(problem: LinearProblem, start: readonly number[], lr: number, steps: number): Place[] {
  return scope(() => {
    const rows = tensor(
      problem.x.map((row) => [...row]),
      { dtype: "float64" },
    );
    const targets = tensor([...problem.y], { dtype: "float64" });
    const w = tensor([...start], { dtype: "float64", requiresGrad: true });
    const here = (): Place => ({
      w: [...(w.toArray() as Float64Array)],
      loss: lossAt(problem, [...w.toArray()] as number[]),
    });
    const path = [here()];
    const exact = backpropagation();
    const loss = (): Tensor => mse(matmul(rows, w), targets);
    for (let step = 0; step < steps; step++) {
      scope(() => descend([w], exact.estimate(loss, [w]).gradients, lr));
      path.push(here());
    }
    return path;
  });
}

/** How many ways there are to move n weights by -0.5, 0 or 0.5 each: `3ⁿ`, as a power of ten. */
export function combinations(weights: number): { weights: number; exact?: number; powerOfTen: number } {
  const powerOfTen = weights * Math.log10(3);
  return { weights, powerOfTen, ...(weights <= 30 && { exact: 3 ** weights }) };
}

/** All of question 5. No number here is random. */
export function measureNudging() {
  const xs = [-2, -1.5, -1, -0.5, 0.5, 1, 1.5, 2];
  const one: LinearProblem = { x: xs.map((x) => [x]), y: xs.map((x) => 1.3 * x) };
  // The second input says nearly the same as the first, as the inputs of real data do.
  const pairs = xs.map((x, i) => [x, 0.9 * x + (i % 2 === 0 ? 0.35 : -0.35)]);
  const two: LinearProblem = { x: pairs, y: pairs.map(([a, b]) => 1.3 * a! - 0.8 * b!) };
  const starts = { one: [-1.5], two: [-1.5, 1.5] };
  return {
    step: 0.5,
    one: {
      problem: one,
      truth: [1.3],
      nudged: nudge(one, starts.one, 0.5),
      followed: follow(one, starts.one, 0.2, 12),
    },
    two: {
      problem: two,
      truth: [1.3, -0.8],
      nudged: nudge(two, starts.two, 0.5),
      followed: follow(two, starts.two, 0.2, 60),
    },
    combinations: [1, 2, 10, 100, 1_000_000].map(combinations),
  };
}
