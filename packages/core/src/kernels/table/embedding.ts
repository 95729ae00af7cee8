// Kernels for tables of vectors. See ../table.ts for what all signatures have in common; `gather` is in indexed.ts.

export interface EmbeddingKernels {
  /** `y[index[r],:] += x[r,:]`, r < rows in this order, for rows of `cols` elements; int32 indices. */
  addRows(rows: number, cols: number, x: number, index: number, y: number): void;
}
