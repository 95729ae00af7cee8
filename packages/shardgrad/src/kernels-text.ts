// What computes, in words: for lines in a terminal, and for pages. Knows no more than the names in an event.

/** What an event says of it. */
interface Told {
  kernels: string;
  memory64?: boolean | undefined;
  native?: string | undefined;
  noNative?: string | undefined;
  blas?: string | undefined;
  noBlas?: string | undefined;
}

/** `OpenBLAS 0.3.21 (Zen)`, `AVX-512 kernels`, `wasm-relaxed kernels` or `wasm-relaxed kernels (memory64)`. */
export function kernelsText({ kernels, memory64, native, blas }: Told): string {
  const wide = memory64 ? " (memory64)" : "";
  return blas ?? `${kernels === "native" && native ? native : kernels} kernels${wide}`;
}

/** Why nothing faster computes, a line for each reason. */
export function missingText({ noNative, noBlas }: Told): string[] {
  return [
    ...(noNative === undefined ? [] : [`no machine code: ${noNative}`]),
    ...(noBlas === undefined ? [] : [`no BLAS: ${noBlas}`]),
  ];
}

export const workersText = (workers: number) => (workers === 1 ? "1 worker" : `${workers} workers`);

/** `2 workers, 8 shards`, or `2 machines (Open MPI 4.1.4), 1 worker here, 8 shards`. */
export function threadsText({
  machines,
  network,
  workers,
  shards,
}: {
  machines?: number | undefined;
  network?: string | undefined;
  workers: number;
  shards: number;
}): string {
  const split = shards === workers ? "" : `, ${shards} shards`;
  if (machines === undefined) return `${workersText(workers)}${split}`;
  return `${machines} machines (${network}), ${workersText(workers)} here${split}`;
}
