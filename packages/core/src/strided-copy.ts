// Copies elements between two layouts of memory. Knows no tensors, only where their elements lie.
import type { DType } from "./dtype.ts";
import { bytesPerElement } from "./dtype.ts";
import { moveKernels } from "./kernels/families.ts";
import type { FourNumbers, Shape } from "./shape.ts";
import { walkFourAxes } from "./shape.ts";

/** Where the elements of a tensor lie. */
export interface Strided {
  readonly shape: Shape;
  readonly strides: Shape;
  readonly dtype: DType;
  readonly size: number;
  readonly address: number;
}

/** Copies the elements of `x` to `y`, of the same shape and dtype; both may have any strides. */
export function copyStrided(x: Strided, y: Strided): void {
  if (x.size === 0) return;
  const width = bytesPerElement[x.dtype];
  walkFourAxes(x.shape, [x.strides, y.strides], (lengths, [from, to], [start, target]) => {
    const source = x.address + start! * width;
    const place = y.address + target! * width;
    if (width === 1 && areWords(lengths, from!, to!, source, place)) {
      const [d0, d1, d2, d3] = lengths;
      const [s0, s1, s2] = from!;
      const [t0, t1, t2] = to!;
      const { copy } = moveKernels("int32");
      copy(d0, d1, d2, d3 / 4, source, s0 / 4, s1 / 4, s2 / 4, 1, place, t0 / 4, t1 / 4, t2 / 4, 1);
    } else moveKernels(x.dtype).copy(...lengths, source, ...from!, place, ...to!);
  });
}

/** True if both sides consist of aligned runs of four bytes, so that the fast int32 kernel can move them. */
function areWords(
  lengths: FourNumbers,
  from: FourNumbers,
  to: FourNumbers,
  source: number,
  place: number,
): boolean {
  const counts = [source, place, lengths[3], ...from.slice(0, 3), ...to.slice(0, 3)];
  return from[3] === 1 && to[3] === 1 && counts.every((count) => count % 4 === 0);
}
