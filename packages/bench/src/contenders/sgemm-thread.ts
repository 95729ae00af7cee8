// One thread of sgemm.ts: multiplies two 1024 × 1024 matrices repeatedly for a given time, in its own memory.
import { parentPort } from "node:worker_threads";
import { heap, kernelsFor, openHeap } from "@shardgrad/core/engine";
import { useBestKernels } from "../best-kernels.ts";

/** Its answer to a number of milliseconds. Its first message says what computes. */
export type SgemmMessage = { gflops: number } | { kernels: string };

const size = 1024;
const pages = 1024; // 64 MiB: three matrices, and the kernel's packed copies.

openHeap({ memory: new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true }) });
const kernels = useBestKernels();
const { gemm } = kernelsFor("float32");
const matrix = (value: number) => {
  const address = heap().arena.allocate(size * size * 4, "sgemm");
  heap().float32.fill(value, address / 4, address / 4 + size * size);
  return address;
};
const [a, b, c] = [matrix(0.5), matrix(0.25), matrix(0)];
const multiply = () => gemm(1, size, size, size, a, 0, size, 1, b, 0, size, 1, c, 0, size, 0);
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
  const gflops = (2 * size ** 3 * products) / elapsed / 1e6;
  parentPort!.postMessage({ gflops } satisfies SgemmMessage);
});
parentPort!.postMessage({ kernels } satisfies SgemmMessage);
