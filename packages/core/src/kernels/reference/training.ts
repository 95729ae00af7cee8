// Reference kernels: averaging of shard gradients, and optimizer updates. On float32 every single operation is
// rounded to float32, exactly as the fast kernels do, so that both give the same bits.
import type { NumericArray } from "../../dtype.ts";
import type { Kernels } from "../table.ts";

export function training(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;
  const round = width === 4 ? Math.fround : (value: number) => value;

  return {
    average(n, shards, x, stride, weights, y) {
      for (let i = 0; i < n; i++) {
        let sum = 0;
        let empty = true;
        for (let s = 0; s < shards; s++) {
          const weight = F[weights / width + s]!;
          if (weight === 0) continue;
          const term = round(weight * F[x / width + s * stride + i]!);
          sum = empty ? term : round(sum + term);
          empty = false;
        }
        F[y / width + i] = sum;
      }
    },

    sgd(n, w, g, velocity, cells) {
      const [lr, momentum, weightDecay] = F.subarray(cells / width, cells / width + 3) as unknown as [
        number,
        number,
        number,
      ];
      for (let i = 0; i < n; i++) {
        let step = F[g / width + i]!;
        const weight = F[w / width + i]!;
        if (weightDecay !== 0) step = round(step + round(weightDecay * weight));
        if (velocity !== 0) {
          step = round(round(momentum * F[velocity / width + i]!) + step);
          F[velocity / width + i] = step;
        }
        F[w / width + i] = weight - round(lr * step);
      }
    },

    adam(n, w, g, m, v, cells) {
      const c = cells / width;
      const beta1 = F[c]!;
      const rest1 = F[c + 1]!;
      const beta2 = F[c + 2]!;
      const rest2 = F[c + 3]!;
      const stepSize = F[c + 4]!;
      const correction = F[c + 5]!;
      const epsilon = F[c + 6]!;
      const weightDecay = F[c + 7]!;
      for (let i = 0; i < n; i++) {
        const weight = F[w / width + i]!;
        let gradient = F[g / width + i]!;
        if (weightDecay !== 0) gradient = round(gradient + round(weightDecay * weight));
        const first = round(round(beta1 * F[m / width + i]!) + round(rest1 * gradient));
        const second = round(round(beta2 * F[v / width + i]!) + round(rest2 * round(gradient * gradient)));
        F[m / width + i] = first;
        F[v / width + i] = second;
        const scale = round(round(round(Math.sqrt(second)) * correction) + epsilon);
        F[w / width + i] = weight - round(round(stepSize * first) / scale);
      }
    },
  } satisfies Partial<Kernels>;
}
