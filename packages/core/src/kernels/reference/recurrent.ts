// Reference kernels: the gated recurrent cells.
import type { NumericArray } from "../../dtype.ts";
import type { Kernels } from "../table.ts";

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

export function recurrent(F: NumericArray) {
  const { BYTES_PER_ELEMENT: width } = F;

  /** Calls `use` for each unit: its index in row r of [rows, hidden], and the index of its gate k in [rows, gates·hidden]. */
  function eachUnit(
    rows: number,
    hidden: number,
    use: (unit: number, gate: (k: number, gates: number) => number) => void,
  ): void {
    for (let r = 0; r < rows; r++) {
      for (let j = 0; j < hidden; j++) {
        use(r * hidden + j, (k, gates) => (r * gates + k) * hidden + j);
      }
    }
  }

  return {
    lstmCell(rows, hidden, gates, c0, c, h) {
      eachUnit(rows, hidden, (unit, gate) => {
        const at = (k: number) => gates / width + gate(k, 4);
        for (const k of [0, 1, 3]) F[at(k)] = sigmoid(F[at(k)]!);
        F[at(2)] = Math.tanh(F[at(2)]!);
        const [i, f, g, o] = [0, 1, 2, 3].map((k) => F[at(k)]!) as [number, number, number, number];
        const cell = f * F[c0 / width + unit]! + i * g;
        F[c / width + unit] = cell;
        F[h / width + unit] = o * Math.tanh(cell);
      });
    },

    lstmCellGrad(rows, hidden, dh, dc, gates, c0, c, dgates) {
      eachUnit(rows, hidden, (unit, gate) => {
        const [i, f, g, o] = [0, 1, 2, 3].map((k) => F[gates / width + gate(k, 4)]!) as [
          number,
          number,
          number,
          number,
        ];
        const t = Math.tanh(F[c / width + unit]!);
        const dhere = F[dh / width + unit]!;
        const dcell = F[dc / width + unit]! + dhere * o * (1 - t * t);
        const before = F[c0 / width + unit]!;
        F[dgates / width + gate(0, 4)] = dcell * g * i * (1 - i);
        F[dgates / width + gate(1, 4)] = dcell * before * f * (1 - f);
        F[dgates / width + gate(2, 4)] = dcell * i * (1 - g * g);
        F[dgates / width + gate(3, 4)] = dhere * t * o * (1 - o);
        F[dc / width + unit] = dcell * f;
      });
    },

    gruCell(rows, hidden, x, q, h0, saved, h) {
      eachUnit(rows, hidden, (unit, gate) => {
        const sum = (k: number) => F[x / width + gate(k, 3)]! + F[q / width + gate(k, 3)]!;
        const r = sigmoid(sum(0));
        const z = sigmoid(sum(1));
        const through = F[q / width + gate(2, 3)]!;
        const n = Math.tanh(F[x / width + gate(2, 3)]! + r * through);
        F[h / width + unit] = (1 - z) * n + z * F[h0 / width + unit]!;
        [r, z, n, through].forEach((value, k) => {
          F[saved / width + gate(k, 4)] = value;
        });
      });
    },

    gruCellGrad(rows, hidden, dh, saved, h0, dx, dq) {
      eachUnit(rows, hidden, (unit, gate) => {
        const [r, z, n, through] = [0, 1, 2, 3].map((k) => F[saved / width + gate(k, 4)]!) as [
          number,
          number,
          number,
          number,
        ];
        const dhere = F[dh / width + unit]!;
        const dn = dhere * (1 - z) * (1 - n * n);
        const dz = dhere * (F[h0 / width + unit]! - n) * z * (1 - z);
        const dr = dn * through * r * (1 - r);
        [dr, dz, dn].forEach((value, k) => {
          F[dx / width + gate(k, 3)] = value;
        });
        [dr, dz, dn * r].forEach((value, k) => {
          F[dq / width + gate(k, 3)] = value;
        });
        F[dh / width + unit] = dhere * z;
      });
    },
  } satisfies Partial<Kernels>;
}
