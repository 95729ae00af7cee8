// Which kernels run: one table per dtype, chosen once. Ops ask here and know nothing of WebAssembly.
import type { DType } from "../dtype.ts";
import { ValueError } from "../errors.ts";
import { heap } from "../memory/heap.ts";
import { referenceKernels } from "./reference/index.ts";
import type { KernelName, Kernels } from "./table.ts";
import type { WasmBuild } from "./wasm.ts";
import { supportedBuild, wasmKernels } from "./wasm.ts";

/** What computes float32: a WebAssembly build, or the plain TypeScript loops. */
export type KernelSet = WasmBuild | "reference";

interface Tables extends Record<DType, Kernels> {
  set: KernelSet;
}

/** Kernels that move four bytes without looking at them, or work on indices: int32 shares them with float32. */
const sharedByInt32: readonly KernelName[] = [
  "copy",
  "band",
  "gather",
  "pick",
  "place",
  "checkIndex",
  "flatIndex",
];

let tables: Tables | undefined;

function build(set: KernelSet): Tables {
  const memory = heap();
  // A kernel without a WebAssembly version is one where the reference is fast enough.
  const fast: Partial<Kernels> = set === "reference" ? {} : wasmKernels(memory, set);
  const moves = Object.fromEntries(sharedByInt32.flatMap((name) => (fast[name] ? [[name, fast[name]]] : [])));
  return {
    set,
    float32: { ...referenceKernels(memory, memory.float32), ...fast },
    float64: referenceKernels(memory, memory.float64),
    int32: { ...referenceKernels(memory, memory.int32), ...moves },
    uint8: referenceKernels(memory, memory.uint8),
  };
}

/** A call of a kernel as it was made. Its arguments are all there is to it, so it can be made again. */
export interface KernelCall {
  readonly kernel: KernelName;
  readonly dtype: DType;
  readonly run: (...args: number[]) => unknown;
  readonly args: readonly number[];
}

/** Told of every call of a kernel on this thread. */
let listener: ((call: KernelCall) => void) | null = null;
/** The kernels that tell the listener, of the tables that they were made for. */
let telling: { of: Tables; tables: Map<DType, Kernels> } | undefined;

/** The kernels for elements of `dtype`. */
export function kernelsFor(dtype: DType): Kernels {
  tables ??= build(supportedBuild() ?? "reference");
  return listener === null ? tables[dtype] : tellingKernels(tables, dtype);
}

/** Runs `body` with every call of a kernel told to `listen`; null is nobody. */
export function listenToKernels<T>(listen: ((call: KernelCall) => void) | null, body: () => T): T {
  const before = listener;
  listener = listen;
  try {
    return body();
  } finally {
    listener = before;
  }
}

/** Which kernels are in use, to be compared with itself: calls of other ones are not replayed. */
export function kernelTables(): object {
  kernelsFor("float32");
  return tables!;
}

function tellingKernels(of: Tables, dtype: DType): Kernels {
  if (telling?.of !== of) telling = { of, tables: new Map() };
  let kernels = telling.tables.get(dtype);
  if (!kernels) {
    const wrapped = Object.entries(of[dtype]).map(([name, run]: [string, KernelCall["run"]]) => {
      const tell = (...args: number[]) => {
        listener?.({ kernel: name as KernelName, dtype, run, args });
        return run(...args);
      };
      return [name, tell];
    });
    kernels = Object.fromEntries(wrapped) as unknown as Kernels;
    telling.tables.set(dtype, kernels);
  }
  return kernels;
}

/** Which kernels compute float32 on this thread. */
export function kernelSet(): KernelSet {
  kernelsFor("float32");
  return tables!.set;
}

/**
 * Chooses the kernels of this thread; `"auto"` takes the best that the engine runs.
 *
 * @throws ValueError if the engine cannot run them
 */
export function useKernels(set: KernelSet | "auto"): KernelSet {
  const best = supportedBuild();
  const runs = set === "auto" || set === "reference" || set === best || (set === "wasm-plain" && best);
  if (!runs)
    throw new ValueError(
      `useKernels: "${set}" does not run here; the best that does is "${best ?? "reference"}"`,
    );
  tables = build(set === "auto" ? (best ?? "reference") : set);
  return tables.set;
}
