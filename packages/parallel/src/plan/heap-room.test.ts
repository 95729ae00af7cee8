// How much shared memory a run can have, and whose an error says it is: by kernels, and by what the engine can do.
import { heap, wasmReachBytes, wideReachBytes } from "@shardgrad/core/engine";
import { afterEach, expect, test, vi } from "vitest";
import { HeapRoom, noteRun } from "./heap-room.ts";
import { machineMemory } from "./memory-budget.ts";
import type { RunKernels } from "./run-kernels.ts";

const wasm: RunKernels = { set: "wasm-relaxed" };
const native: RunKernels = { set: "native", native: { packageUrl: "", code: {}, description: "AVX2" } };
const have = heap().buffer.byteLength;
const most = Math.floor(machineMemory() / 2 ** 20) * 2 ** 20;
afterEach(() => void vi.restoreAllMocks());

const roomOf = (kernels?: RunKernels) => {
  const { reachBytes, owner } = new HeapRoom(kernels);
  return { reachBytes, owner };
};

test("without kernels there is the heap", () => {
  expect(roomOf()).toEqual({ reachBytes: have, owner: "a process has" });
});

test("native kernels reach all of the machine's memory", () => {
  expect(roomOf(native)).toEqual({ reachBytes: Math.max(have, most), owner: "a process has" });
});

test("WebAssembly reaches 16 GiB of it where the engine has 64-bit addresses", () => {
  const reachBytes = Math.max(have, Math.min(most, wideReachBytes));
  const owner =
    reachBytes === wideReachBytes
      ? "wasm-relaxed kernels reach (native ones reach all of the machine's memory)"
      : "a process has";
  expect(roomOf(wasm)).toEqual({ reachBytes, owner });
  vi.spyOn(process, "constrainedMemory").mockReturnValue(2 ** 32 + 2 ** 30);
  expect(roomOf(wasm)).toEqual({
    reachBytes: Math.min(reachBytes, 2 ** 32 + 2 ** 30),
    owner: "a process has",
  });
});

test.each([
  ["has no 64-bit addresses", () => vi.spyOn(WebAssembly, "validate").mockReturnValue(false)],
  [
    "cannot make such a memory",
    () =>
      vi.spyOn(WebAssembly, "Memory").mockImplementation(function refuse() {
        throw new TypeError("Cannot convert a BigInt value to a number");
      }),
  ],
])("4 GiB where the engine %s, and the error says what reaches more", (_, lacking) => {
  lacking();
  const more = "native ones reach all of the machine's memory, and WebAssembly 16 GiB from Node.js 24 on";
  const owner = have === wasmReachBytes ? `wasm-relaxed kernels reach (${more})` : "a process has";
  expect(roomOf(wasm)).toEqual({ reachBytes: have, owner });
});

test("while other runs are under way there is the heap", () => {
  const ended = [noteRun(), noteRun()];
  const owner = most > have ? "a process has while other runs are under way" : "a process has";
  for (const kernels of [wasm, native]) expect(roomOf(kernels)).toEqual({ reachBytes: have, owner });
  for (const end of ended) end();
  expect(roomOf(native).reachBytes).toBe(Math.max(have, most));
});
