// Which products go to the BLAS. Decided by sizes alone, never by a clock: all workers must choose alike, or their
// bits would differ.

/** Multiplications in one product from which on a call to the library, and its packing, pay. */
const leastMultiplications = 16 * 16 * 16;

/** Whether the BLAS is faster than the WebAssembly kernel for `batch` products [m,k] × [k,n]. */
export function prefersBlas(_batch: number, m: number, n: number, k: number): boolean {
  return m * n * k > leastMultiplications;
}
