// Question 6: partial derivatives, directional derivatives and steepest ascent, on a surface over two numbers.
import type { Tensor } from "@shardgrad/core";
import { add, jvp, mul, scope, sin, square, tensor, valueAndGrad } from "@shardgrad/core";

const number = (value: number): Tensor => tensor(value, { dtype: "float64" });

/** `0.25 x² + 0.15 y² + 0.5 sin(x + 0.5 y)`: a bowl with a fold. */
export const surface = (x: Tensor, y: Tensor): Tensor =>
  add(add(mul(0.25, square(x)), mul(0.15, square(y))), mul(0.5, sin(add(x, mul(0.5, y)))));

/** The same in plain numbers, to draw it. */
export const height = (x: number, y: number): number =>
  0.25 * x * x + 0.15 * y * y + 0.5 * Math.sin(x + 0.5 * y);

/** The slope at a point in so many directions around it, each by `jvp`, and the gradient there. */
export function measureSlopes({ point = [1, 0.8], directions = 72 } = {}) {
  return scope(() => {
    const [x, y] = [number(point[0]!), number(point[1]!)];
    const { value, grads } = valueAndGrad(surface)(x, y);
    const [gx, gy] = grads.map((gradient) => gradient.item()) as [number, number];
    const length = Math.hypot(gx, gy);
    const angle = Math.atan2(gy, gx);
    const slopes = Array.from({ length: directions }, (_, i) => {
      const theta = (2 * Math.PI * i) / directions;
      const [dx, dy] = [Math.cos(theta), Math.sin(theta)];
      const slope = scope(() => jvp(surface, [x, y], [number(dx), number(dy)]).tangent.item());
      return { theta, slope, product: gx * dx + gy * dy };
    });
    const steepest = slopes.reduce((a, b) => (b.slope > a.slope ? b : a));
    const farthest = Math.max(...slopes.map(({ slope, product }) => Math.abs(slope - product)));
    const along = jvp(surface, [x, y], [number(gx / length), number(gy / length)]).tangent.item();
    return {
      point: { x: point[0]!, y: point[1]!, value: value.item() },
      gradient: { x: gx, y: gy, length, angle },
      slopes,
      steepest,
      /** The slope in the direction of the gradient itself. */
      along,
      farthest,
    };
  });
}
