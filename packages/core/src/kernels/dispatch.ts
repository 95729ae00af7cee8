// Selects the kernels: one table per dtype, chosen once. Ops ask here and know nothing of WebAssembly.
import type { DType } from "../dtype.ts";
import type { Heap } from "../memory/heap.ts";
import { enlargeHeap, heap } from "../memory/heap.ts";
import type { CallJoiner, ProvidedName } from "./provide-kernels.ts";
import { providedKernels, wideKernelsOver } from "./provide-kernels.ts";
import { referenceKernels } from "./reference/index.ts";
import type { KernelChoice, KernelSet } from "./resolve-kernels.ts";
import { kernelsBelow, resolveKernels } from "./resolve-kernels.ts";
import type { KernelName, Kernels } from "./table.ts";
import { wasmKernels } from "./wasm.ts";

export type { KernelChoice, KernelSet } from "./resolve-kernels.ts";

interface Tables extends Record<DType, Kernels> {
  set: KernelSet;
  joiner?: CallJoiner;
}

/** Kernels that move four bytes without interpreting them, or work on indices: int32 shares them with float32. */
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
  if (set === "native" || set === "blas") {
    const below = kernelsBelow(set);
    return overlay(set, build(below === "native" || memory.isWasm ? below : "reference"), memory);
  }
  // Kernels without a WebAssembly version are those whose reference is fast enough.
  const fast: Partial<Kernels> =
    set === "reference" ? {} : (memory.isWide ? wideKernelsOver : wasmKernels)(memory, set);
  return {
    set,
    float32: { ...referenceKernels(memory, memory.float32), ...fast },
    float64: referenceKernels(memory, memory.float64),
    int32: { ...referenceKernels(memory, memory.int32), ...movesOf(fast) },
    uint8: referenceKernels(memory, memory.uint8),
  };
}

/** Those that serve int32, too. */
function movesOf(float32: Partial<Kernels>): Partial<Kernels> {
  return Object.fromEntries(sharedByInt32.flatMap((name) => (float32[name] ? [[name, float32[name]]] : [])));
}

/** The provided kernels in place of those below. */
function overlay(set: ProvidedName, below: Tables, memory: Heap): Tables {
  const { float32, float64, joiner = below.joiner } = providedKernels(set)!(memory, below);
  return {
    ...below,
    ...(joiner && { joiner }),
    set,
    float32: { ...below.float32, ...float32 },
    float64: { ...below.float64, ...float64 },
    int32: { ...below.int32, ...movesOf(float32) },
  };
}

/** A kernel call. Its arguments define it completely, so it can be repeated. */
export interface KernelCall {
  readonly kernel: KernelName;
  readonly dtype: DType;
  readonly run: (...args: number[]) => unknown;
  readonly args: readonly number[];
}

/** Gets every kernel call on this thread. */
let listener: ((call: KernelCall) => void) | null = null;
/** The wrapped kernels that notify the listener, by the table that they wrap. */
let telling: { of: Tables; tables: Map<DType, Kernels> } | undefined;

/** The kernels for elements of `dtype`. */
export function kernelsFor(dtype: DType): Kernels {
  tables ??= build(resolveKernels("auto"));
  return listener === null ? tables[dtype] : tellingKernels(tables, dtype);
}

/** Runs `body` and passes every kernel call to `listen`; null for no listener. */
export function listenToKernels<T>(listen: ((call: KernelCall) => void) | null, body: () => T): T {
  const before = listener;
  listener = listen;
  try {
    return body();
  } finally {
    listener = before;
  }
}

/** An identity for the kernels in use: calls recorded with other kernels are not replayed. */
export function kernelTables(): object {
  kernelsFor("float32");
  return tables!;
}

/** Makes one call of several recorded ones, if the kernels in use can do that. */
export function callJoiner(): CallJoiner | undefined {
  kernelsFor("float32");
  return tables!.joiner;
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

/** The float32 kernels of this thread. */
export function kernelSet(): KernelSet {
  kernelsFor("float32");
  return tables!.set;
}

/**
 * Selects the kernels of this thread. `"auto"` takes machine code if it was provided, else a BLAS if one was, else the
 * best that the engine runs.
 *
 * @throws ValueError if the engine cannot run them
 */
export function useKernels(choice: KernelChoice): KernelSet {
  tables = build(resolveKernels(choice));
  return tables.set;
}

/**
 * Moves this thread's numbers to a heap of so many bytes. If WebAssembly must reach it, wide kernels must be provided, and
 * the kernels in use stay what they are; else native kernels, which take the place of WebAssembly. See `enlargeHeap`.
 *
 * @throws MemoryError if the system refuses; then nothing has changed
 */
export function moveToLargerHeap(bytes: number, isWide: boolean): void {
  enlargeHeap(bytes, isWide);
  const isWasm = tables?.set === "wasm-plain" || tables?.set === "wasm-relaxed";
  tables = tables && build(isWasm && !isWide ? "native" : tables.set);
}
