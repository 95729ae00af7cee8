// Reference kernels: optimizer updates. On float32 every operation rounds to float32, exactly as in the fast kernels,
// so both give the same bits.
import type { NumericArray } from "../../dtype.ts";
import type { Kernels } from "../table.ts";

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: a table of kernels, each of which fits a screen.
export function optimizers(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;
  const round = width === 4 ? Math.fround : (value: number) => value;
  /** Element `i` of the array at byte offset `at`. */
  const get = (at: number, i: number): number => F[at / width + i]!;
  const set = (at: number, i: number, value: number): number => {
    F[at / width + i] = value;
    return get(at, i);
  };

  return {
    sgd(n, w, g, velocity, cells) {
      const lr = get(cells, 0);
      const momentum = get(cells, 1);
      const rest = get(cells, 2);
      const weightDecay = get(cells, 3);
      const nesterov = get(cells, 4) !== 0;
      for (let i = 0; i < n; i++) {
        const weight = get(w, i);
        let step = get(g, i);
        if (weightDecay !== 0) step = round(step + round(weightDecay * weight));
        if (velocity !== 0) {
          const speed = set(velocity, i, round(momentum * get(velocity, i)) + round(rest * step));
          step = nesterov ? round(step + round(momentum * speed)) : speed;
        }
        set(w, i, weight - round(lr * step));
      }
    },

    adam(n, w, g, m, v, cells) {
      const beta1 = get(cells, 0);
      const rest1 = get(cells, 1);
      const beta2 = get(cells, 2);
      const rest2 = get(cells, 3);
      const stepSize = get(cells, 4);
      const correction = get(cells, 5);
      const eps = get(cells, 6);
      const weightDecay = get(cells, 7);
      const shrink = get(cells, 8);
      for (let i = 0; i < n; i++) {
        const weight = get(w, i);
        let gradient = get(g, i);
        if (weightDecay !== 0) gradient = round(gradient + round(weightDecay * weight));
        const first = set(m, i, round(beta1 * get(m, i)) + round(rest1 * gradient));
        const square = round(round(rest2 * gradient) * gradient);
        const second = set(v, i, round(beta2 * get(v, i)) + square);
        const scale = round(round(round(Math.sqrt(second)) * correction) + eps);
        set(w, i, round(shrink * weight) - round(round(stepSize * first) / scale));
      }
    },

    rmsProp(n, w, g, square, average, velocity, cells) {
      const lr = get(cells, 0);
      const alpha = get(cells, 1);
      const rest = get(cells, 2);
      const eps = get(cells, 3);
      const momentum = get(cells, 4);
      const weightDecay = get(cells, 5);
      for (let i = 0; i < n; i++) {
        const weight = get(w, i);
        let gradient = get(g, i);
        if (weightDecay !== 0) gradient = round(gradient + round(weightDecay * weight));
        const second = round(round(rest * gradient) * gradient);
        let variance = set(square, i, round(alpha * get(square, i)) + second);
        if (average !== 0) {
          const before = get(average, i);
          const mean = set(average, i, before + round(rest * round(gradient - before)));
          // Clamped to 0, which rounding may cross.
          variance = Math.max(round(variance - round(mean * mean)), 0);
        }
        const scale = round(round(Math.sqrt(variance)) + eps);
        if (velocity !== 0) {
          const speed = round(momentum * get(velocity, i)) + round(gradient / scale);
          set(w, i, weight - round(lr * set(velocity, i, speed)));
        } else set(w, i, weight - round(round(lr * gradient) / scale));
      }
    },

    adagrad(n, w, g, sum, cells) {
      const lr = get(cells, 0);
      const eps = get(cells, 1);
      const weightDecay = get(cells, 2);
      for (let i = 0; i < n; i++) {
        const weight = get(w, i);
        let gradient = get(g, i);
        if (weightDecay !== 0) gradient = round(gradient + round(weightDecay * weight));
        const total = set(sum, i, get(sum, i) + round(gradient * gradient));
        const scale = round(round(Math.sqrt(total)) + eps);
        set(w, i, weight - round(round(lr * gradient) / scale));
      }
    },

    lion(n, w, g, m, cells) {
      const lr = get(cells, 0);
      const beta1 = get(cells, 1);
      const rest1 = get(cells, 2);
      const beta2 = get(cells, 3);
      const rest2 = get(cells, 4);
      const shrink = get(cells, 5);
      for (let i = 0; i < n; i++) {
        const gradient = get(g, i);
        const before = get(m, i);
        const direction = Math.sign(round(round(beta1 * before) + round(rest1 * gradient)));
        set(w, i, round(shrink * get(w, i)) - round(lr * direction));
        set(m, i, round(beta2 * before) + round(rest2 * gradient));
      }
    },
  } satisfies Partial<Kernels>;
}
