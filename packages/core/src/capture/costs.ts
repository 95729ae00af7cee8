// The arithmetic of a kernel call: multiplications and additions, for kernels dominated by them. All others are limited
// by memory, so their bytes count instead.

/** Floating-point operations of a call with these arguments, by kernel. Signatures: kernels/table/. */
const flopsOf: Readonly<Record<string, (args: readonly number[]) => number>> = {
  gemm: ([batch, m, n, k]) => 2 * batch! * m! * n! * k!,
  convolve: convolution,
  convolveInput: convolution,
  convolveWeight: convolution,
};

function convolution([n, groups, c, , , o, kh, kw, oh, ow]: readonly number[]): number {
  return 2 * n! * groups! * c! * o! * kh! * kw! * oh! * ow!;
}

/** Floating-point operations of a call; 0 for kernels that are limited by memory. */
export function flops(kernel: string, args: readonly number[]): number {
  return flopsOf[kernel]?.(args) ?? 0;
}
