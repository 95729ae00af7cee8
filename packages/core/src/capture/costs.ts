// How much arithmetic a kernel call is: multiplications and additions of the kernels that are made of them. All others
// are limited by memory, and are judged by the bytes they touch.

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
