// Random directions in the space of the parameters, and losses seen a small way along them. Directions are drawn again
// where they are needed again, from their position in a Philox stream: nothing is stored but the parameters themselves.
import { noGrad } from "../define-op.ts";
import { kernelsFor } from "../kernels/dispatch.ts";
import { add, mul, sub } from "../ops/arithmetic.ts";
import { greaterEqual } from "../ops/compare.ts";
import { zeros } from "../ops/create.ts";
import { generatorCells } from "../ops/generator.ts";
import { checkSeed, Generator, stream } from "../random.ts";
import { scope } from "../scope.ts";
import { Tensor } from "../tensor.ts";

/** Independent elements: standard normal, or ±1 with equal probability (Rademacher). */
export type Distribution = "normal" | "sign";

/** The directions of one step: `direction(i)` for parameters of given shapes. */
export type Directions = (index: number) => Tensor[];

/**
 * The random directions of a step, of which it takes `perStep`.
 *
 * @throws ValueError for a seed that is none
 */
export function randomDirections(
  parameters: readonly Tensor[],
  distribution: Distribution,
  at: { seed: number; step: number; perStep: number },
): Directions {
  const generator = new Generator(checkSeed("gradient estimator", at.seed), stream.direction);
  // Whole blocks of four numbers for each parameter.
  const lengths = parameters.map(({ size }) => Math.ceil(size / 4) * 4);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  return (index) => {
    let position = (at.step * at.perStep + index) * total;
    return parameters.map(({ shape, size, dtype }, p) => {
      const start = position;
      position += lengths[p]!;
      const x = Tensor.allocate(shape, dtype, "direction");
      const { normal, uniform } = kernelsFor(dtype);
      const draw = distribution === "normal" ? normal : uniform;
      // Mean 0 and deviation 1, or from -1 to 1.
      const [first, second] = distribution === "normal" ? [0, 1] : [-1, 1];
      draw(size, first, second, generatorCells(generator).address, start, x.address);
      return distribution === "normal" ? x : noGrad(() => sub(mul(greaterEqual(x, 0), 2), 1));
    });
  };
}

/**
 * Lets `body` look at other places: `move(d, h)` sets the parameters to `p + h d`, always from where they were at the
 * start. Puts them back at the end, bit for bit.
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
