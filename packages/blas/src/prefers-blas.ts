// Which products go to the BLAS. Sizes alone decide, never a clock: all workers must choose alike, or their bits would
// differ.

/**
 * From this many multiplications in one product on, a call to the library, with its packing, pays. Measured with
 * OpenBLAS 0.3.21 on an EPYC (Zen 5), microseconds on WebAssembly and there: 16·16·17 0.17 and 0.28 (Haswell kernels)
 * or 0.17 (AVX-512), 16·16·32 0.28 and 0.39 or 0.22, 24·24·24 0.46 and 0.43 or 0.30, 32·32·32 1.05 and 0.81 or 0.38.
 */
const leastMultiplications = 8192;

/** Whether the BLAS is faster than the WebAssembly kernel for `batch` products [m,k] × [k,n]. */
export function prefersBlas(_batch: number, m: number, n: number, k: number): boolean {
  return m * n * k > leastMultiplications;
}
