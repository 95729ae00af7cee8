// What computes, in words: for lines in a terminal, and for pages. Knows no more than the names in an event.

/** What an event says of it. */
interface Told {
  kernels: string;
  native?: string | undefined;
  noNative?: string | undefined;
  blas?: string | undefined;
  noBlas?: string | undefined;
}

/** `OpenBLAS 0.3.21 (Zen)`, `AVX-512 kernels` or `wasm-relaxed kernels`. */
export function kernelsText({ kernels, native, blas }: Told): string {
  return blas ?? `${kernels === "native" && native ? native : kernels} kernels`;
}

/** Why nothing faster computes, a line for each reason. */
export function missingText({ noNative, noBlas }: Told): string[] {
  return [
    ...(noNative === undefined ? [] : [`no machine code: ${noNative}`]),
    ...(noBlas === undefined ? [] : [`no BLAS: ${noBlas}`]),
  ];
}
