// A thread of the yardstick: multiplies two square matrices over and over, for as many milliseconds as it is told.
// Everything is in its own memory, so several of them share nothing but the machine.
import { parentPort, workerData } from "node:worker_threads";
import { useKernels } from "@shardgrad/core";
import { heap, linearKernels, openHeap } from "@shardgrad/core/engine";
import type { RunKernels } from "@shardgrad/parallel/command";
import { loadKernels } from "@shardgrad/parallel/command";

/** Its answer to a number of milliseconds: GFLOP/s. The first one, 0, says that it is ready. */
export type SgemmMessage = number;

const kernels = workerData as RunKernels;
/** Plain loops are slow: with them, one product of large matrices would take seconds. */
const size = kernels.set === "reference" ? 128 : 1024;
const pages = 1024; // 64 MiB: three matrices, and the kernel's packed copies.

openHeap({ memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }) });
await loadKernels(kernels);
useKernels(kernels.set);
const { gemm } = linearKernels("float32");
const matrix = (value: number) => {
  const address = heap().arena.allocate(size * size * 4, "sgemm");
  heap().float32.fill(value, address / 4, address / 4 + size * size);
  return address;
};
const [a, b, c] = [matrix(0.5), matrix(0.25), matrix(0)];
const multiply = () => gemm(1, size, size, size, a, 0, size, 1, b, 0, size, 1, c, 0, size, 0, 0, 0);
for (let warm = 0; warm < 3; warm++) multiply();

parentPort!.on("message", (ms: number) => {
  const started = performance.now();
  let elapsed = 0;
  let products = 0;
  do {
    multiply();
    products++;
    elapsed = performance.now() - started;
  } while (elapsed < ms);
  parentPort!.postMessage(((2 * size ** 3 * products) / elapsed / 1e6) satisfies SgemmMessage);
});
parentPort!.postMessage(0 satisfies SgemmMessage);
