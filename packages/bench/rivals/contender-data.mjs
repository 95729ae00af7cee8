// Reads the files that every JavaScript contender starts from: weights, and the data in batches.
import { readFileSync } from "node:fs";
import { join } from "node:path";

function numbers(folder, name, Type) {
  const { buffer, byteOffset, byteLength } = readFileSync(join(folder, name));
  return new Type(buffer.slice(byteOffset, byteOffset + byteLength));
}

/** `{ weights, batches }`; a batch is `{ x, y }`, typed arrays over all of its samples. */
export function readData({ model, folder }) {
  const x = numbers(folder, "x.bin", model.network.kind === "gpt" ? Int32Array : Float32Array);
  const y = numbers(folder, "y.bin", Int32Array);
  const part = (all, i) => {
    const size = all.length / model.batches;
    return all.slice(i * size, (i + 1) * size);
  };
  const batches = Array.from({ length: model.batches }, (_, i) => ({ x: part(x, i), y: part(y, i) }));
  return { weights: numbers(folder, "weights.bin", Float32Array), batches };
}
