// Random directions in parameter space, and losses at a small distance along them. Directions are drawn again whenever
// they are needed, from their position in a Philox stream, so only the parameters are stored.
import { noGrad } from "../autograd/define-op.ts";
import { add, mul, sub } from "../ops/arithmetic/arithmetic.ts";
import { greaterEqual } from "../ops/arithmetic/compare.ts";
import { rand, randn, zeros } from "../ops/create/create.ts";
import { Generator, stream, withGenerator } from "../random.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";

/** Independent elements: standard normal, or ±1 with equal probability (Rademacher). */
export type Distribution = "normal" | "sign";

/** The directions of one step: direction `index` has a tensor for each parameter. */
export type Directions = (index: number) => Tensor[];

/**
 * The random directions of a step. They depend only on the seed, the step and their number.
 *
 * @throws ValueError for an invalid seed
 */
export function randomDirections(
  parameters: readonly Tensor[],
  distribution: Distribution,
  { seed, step }: { seed: number; step: number },
): Directions {
  const generator = new Generator(seed, stream.direction).restart(step);
  // Each parameter takes whole blocks of four numbers.
  const length = parameters.reduce((sum, { size }) => sum + Math.ceil(size / 4) * 4, 0);
  return (index) => {
    generator.position = index * length;
    return withGenerator(generator, () =>
      noGrad(() =>
        parameters.map(({ shape, dtype }) =>
          distribution === "normal"
            ? randn(shape, { dtype })
            : sub(mul(greaterEqual(rand(shape, { dtype }), 0.5), 2), 1),
        ),
      ),
    );
  };
}

/**
 * Lets `body` evaluate at other points: `move(d, h)` sets the parameters to `p + h d`, always from their start.
 * Restores them at the end, bit for bit.
 */
export function withDisplacement<T>(
  parameters: readonly Tensor[],
  body: (move: (direction: readonly Tensor[], distance: number) => void) => T,
): T {
  return noGrad(() =>
    scope(() => {
      const base = parameters.map((parameter) =>
        Tensor.allocate(parameter.shape, parameter.dtype, "displacement").copyFrom(parameter),
      );
      try {
        return body((direction, distance) => {
          scope(() => {
            parameters.forEach((parameter, p) => {
              parameter.copyFrom(add(base[p]!, mul(direction[p]!, distance)));
            });
          });
        });
      } finally {
        parameters.forEach((parameter, p) => {
          parameter.copyFrom(base[p]!);
        });
      }
    }),
  );
}

/** For each of the first `count` directions, the losses at `p + distance d` and `p - distance d`. */
export function lossesOnBothSides(
  parameters: readonly Tensor[],
  directions: Directions,
  count: number,
  distance: number,
  evaluate: () => number,
): number[] {
  const losses: number[] = [];
  withDisplacement(parameters, (move) => {
    for (let index = 0; index < count; index++) {
      const direction = directions(index);
      for (const side of [distance, -distance]) {
        move(direction, side);
        losses.push(evaluate());
      }
      for (const tensor of direction) tensor.dispose();
    }
  });
  return losses;
}

/** `sum over i of factors[i] · direction(i)`, from directions drawn one at a time. */
export function combineDirections(
  parameters: readonly Tensor[],
  directions: Directions,
  factors: readonly number[],
): Tensor[] {
  return noGrad(() => {
    const sums = parameters.map(({ shape, dtype }) => zeros(shape, { dtype }));
    factors.forEach((factor, index) => {
      scope(() => {
        directions(index).forEach((direction, p) => {
          sums[p]!.copyFrom(add(sums[p]!, mul(direction, factor)));
        });
      });
    });
    return sums;
  });
}
