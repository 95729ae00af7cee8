// Lookup of table rows by index, and adding rows to a table: each other's gradient.

import { defineOp } from "../../autograd/define-op.ts";
import { bytesPerElement, int32Advice } from "../../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../../errors.ts";
import { elementwiseKernels, indexedKernels } from "../../kernels/families.ts";
import { checkOptions, optionNames } from "../../options.ts";
import { requireTensor } from "../../require-tensor.ts";
import { formatShape } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { checkIndexRange } from "./indexing.ts";

interface Table {
  rows: number;
  /** The row without a gradient, or -1. */
  paddingIdx: number;
}

function clearRow(table: Tensor, row: number): void {
  if (row < 0) return;
  const cols = table.shape[1]!;
  elementwiseKernels(table.dtype).fill(cols, 0, table.address + row * cols * bytesPerElement[table.dtype]);
}

const lookUpOp = defineOp<[Tensor, Tensor], Table>({
  name: "embedding",
  forward: (table, index) => {
    const cols = table.shape[1]!;
    const y = Tensor.allocate([...index.shape, cols], table.dtype, "embedding");
    const [from, places] = [contiguous(table).address, contiguous(index).address];
    indexedKernels(table.dtype).gather(index.size, cols, from, places, y.address);
    return y;
  },
  vjp: [(dy, _, _table, index, attributes): Tensor => sumRowsOp(dy, index, attributes), null],
});

/** `dTable[index[…],:] += dy[…,:]` in the order of the index; 0 in the padding row. */
const sumRowsOp = defineOp<[Tensor, Tensor], Table>({
  name: "embeddingGrad",
  forward: (dy, index, { rows, paddingIdx }) => {
    const cols = dy.shape.at(-1)!;
    const y = Tensor.allocate([rows, cols], dy.dtype, "embeddingGrad");
    const { scatterAdd } = indexedKernels(dy.dtype);
    elementwiseKernels(dy.dtype).fill(y.size, 0, y.address);
    scatterAdd(index.size, cols, contiguous(dy).address, contiguous(index).address, y.address);
    clearRow(y, paddingIdx);
    return y;
  },
  vjp: [
    (dz, _, _dy, index, attributes): Tensor => lookUpOp(withoutRowOp(dz, attributes), index, attributes),
    null,
  ],
});

/** The table with 0 in the padding row, as a second gradient needs it. */
const withoutRowOp = defineOp<[Tensor], Table>({
  name: "embeddingPadding",
  forward: (table, { paddingIdx }) => {
    const y = Tensor.allocate(table.shape, table.dtype, "embeddingPadding");
    y.copyFrom(table);
    clearRow(y, paddingIdx);
    return y;
  },
  vjp: [(dy, _, _table, attributes): Tensor => withoutRowOp(dy, attributes)],
});

/** Options of `embedding`. */
export interface EmbeddingOptions {
  /** A row that gets no gradient; lookups return it like any other. Negative numbers count from the end. */
  paddingIdx?: number | undefined;
}

/** Options of PyTorch's `embedding` that this one does not have. */
const embeddingInstead = {
  maxNorm: "it is not supported; scale the rows of the table yourself",
  scaleGradByFreq: "it is not supported; leave it out",
  sparse: "gradients are dense; leave it out",
};

export const embeddingOptions = optionNames<EmbeddingOptions>({ paddingIdx: true }, embeddingInstead);

/**
 * Rows of a table: `y[…,:] = table[index[…],:]` with `index […]` int32, `table [rows, cols]`, `y […, cols]`. The
 * gradient adds up in the order of the index, so it is deterministic. Like `torch.nn.functional.embedding`.
 *
 * @throws ValueError if an index is not a row; ShapeError if the table is not a matrix; DTypeError
 */
export function embedding(index: Tensor, table: Tensor, options: EmbeddingOptions = {}): Tensor {
  requireTensor("embedding", index, "index");
  requireTensor("embedding", table, "table");
  checkOptions("embedding", options, embeddingOptions);
  if (index.dtype !== "int32") {
    throw new DTypeError(`embedding: index is ${index.dtype}, expected int32; ${int32Advice("index")}`);
  }
  if (table.rank !== 2) {
    throw new ShapeError(`embedding: table has shape ${formatShape(table.shape)}, expected [rows,cols]`);
  }
  const rows = table.shape[0]!;
  const { paddingIdx } = options;
  if (
    paddingIdx !== undefined &&
    !(Number.isInteger(paddingIdx) && paddingIdx >= -rows && paddingIdx < rows)
  ) {
    throw new ValueError(
      `embedding: paddingIdx is ${paddingIdx}, expected a row of the table, from ${-rows} to ${rows - 1}`,
    );
  }
  checkIndexRange("embedding", index, rows, `the table has ${rows} rows`);
  const padding = paddingIdx === undefined ? -1 : (paddingIdx + rows) % rows;
  return lookUpOp(table, index, { rows, paddingIdx: padding });
}
