// Selects the kernels of this thread, and makes a family of them when it is first called. Ops call families.ts and know
// nothing of WebAssembly.
import type { DType } from "../dtype.ts";
import type { Heap } from "../memory/heap.ts";
import { enlargeHeap, heap } from "../memory/heap.ts";
import type { ByDType, FamilyParts, KernelFamily } from "./family.ts";
import type { CallJoiner, ProvidedName, WideFamilies } from "./provide-kernels.ts";
import { providedKernels, wideKernelsOver } from "./provide-kernels.ts";
import type { KernelChoice, KernelSet } from "./resolve-kernels.ts";
import { kernelsBelow, resolveKernels } from "./resolve-kernels.ts";
import type { KernelName, Kernels } from "./table.ts";
import type { WasmBuild } from "./wasm.ts";
import { wasmKernels } from "./wasm.ts";

export type { KernelChoice, KernelSet } from "./resolve-kernels.ts";

/** The kernels that a choice has selected. */
interface Selection {
  readonly set: KernelSet;
  readonly joiner?: CallJoiner;
  /** Those of a family, which are made once. */
  kernelsOf<K extends object>(family: KernelFamily<K>): ByDType<K>;
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

/** Keeps what is made for each family. */
function madeOnce(
  make: <K extends object>(family: KernelFamily<K>) => ByDType<K>,
): <K extends object>(family: KernelFamily<K>) => ByDType<K> {
  const made = new Map<object, ByDType<object>>();
  return <K extends object>(family: KernelFamily<K>) => {
    const kernels = (made.get(family) as ByDType<K> | undefined) ?? make(family);
    made.set(family, kernels);
    return kernels;
  };
}

/** Those of a table that have these names. */
function named<K extends object>(table: Partial<Kernels>, names: readonly string[]): Partial<K> {
  const found = names.flatMap((name) => {
    const kernel = table[name as KernelName];
    return kernel ? [[name, kernel]] : [];
  });
  return Object.fromEntries(found) as Partial<K>;
}

/** `fast` float32 kernels in place of those below, and where int32 shares them. */
function withFast<K extends object>(below: ByDType<K>, fast: Partial<K>): ByDType<K> {
  return {
    ...below,
    float32: { ...below.float32, ...fast },
    int32: { ...below.int32, ...named<K>(fast as Partial<Kernels>, sharedByInt32) },
  };
}

function referenceOf<K extends object>({ reference }: KernelFamily<K>, memory: Heap): ByDType<K> {
  return {
    float32: reference(memory.float32, memory),
    float64: reference(memory.float64, memory),
    int32: reference(memory.int32, memory),
    uint8: reference(memory.uint8, memory),
  };
}

function select(set: KernelSet): Selection {
  const memory = heap();
  if (set === "native" || set === "blas") {
    const below = kernelsBelow(set);
    return overlay(set, select(below === "native" || memory.isWasm ? below : "reference"), memory);
  }
  if (set === "reference") return { set, kernelsOf: madeOnce((family) => referenceOf(family, memory)) };
  const wide = memory.isWide ? wideKernelsOver(memory, set) : undefined;
  return { set, kernelsOf: madeOnce((family) => wasmFamily(family, memory, set, wide)) };
}

/** Kernels without a WebAssembly version are those whose reference is fast enough. */
function wasmFamily<K extends object>(
  family: KernelFamily<K>,
  memory: Heap,
  build: WasmBuild,
  wide: WideFamilies | undefined,
): ByDType<K> {
  const below = referenceOf(family, memory);
  const fast = wide ? wide(Object.keys(below.float32)) : wasmKernels(memory, family.modules, build);
  return withFast(below, fast as Partial<K>);
}

/** The provided kernels in place of those below. */
function overlay(set: ProvidedName, below: Selection, memory: Heap): Selection {
  const {
    float32,
    float64,
    joiner = below.joiner,
  } = providedKernels(set)!(memory, (family, dtype) => {
    return below.kernelsOf(family)[dtype];
  });
  return {
    set,
    ...(joiner && { joiner }),
    kernelsOf: madeOnce((family) => {
      // What would only be replaced is not even unpacked.
      const isReplaced = family.modules.kernels.every((name) => name in float32);
      const kernels = isReplaced ? referenceOf(family, memory) : below.kernelsOf(family);
      const names = Object.keys(kernels.float32);
      const fast = withFast(kernels, named(float32, names));
      return { ...fast, float64: { ...fast.float64, ...named(float64, names) } };
    }),
  };
}

let selection: Selection | undefined;

/** A kernel call. Its arguments define it completely, so it can be repeated. */
export interface KernelCall {
  readonly kernel: KernelName;
  readonly dtype: DType;
  readonly run: (...args: number[]) => unknown;
  readonly args: readonly number[];
}

/** Gets every kernel call on this thread. */
let listener: ((call: KernelCall) => void) | null = null;
/** The wrapped kernels that notify the listener, and those that they wrap. */
let telling: { of: Selection; selection: Selection } | undefined;

/** What kernel calls reach: the selection, or the one that tells of them. Not known after a change of either. */
let current: Selection | undefined;

function selected(): Selection {
  selection ??= select(resolveKernels("auto"));
  return selection;
}

function reached(): Selection {
  current ??= listener === null ? selected() : tellingSelection(selected());
  return current;
}

/** A family of kernels. Calls cost a comparison more than those of a plain table. */
export function kernelFamily<K extends object>(parts: FamilyParts<K>): KernelFamily<K> {
  let of: Selection | null = null;
  let kernels: ByDType<K>;
  const ofDType = (dtype: DType): K => {
    if (of !== current) {
      of = reached();
      kernels = of.kernelsOf(family);
    }
    return kernels[dtype];
  };
  const family: KernelFamily<K> = Object.assign(ofDType, parts);
  return family;
}

/** Runs `body` and passes every kernel call to `listen`; null for no listener. */
export function listenToKernels<T>(listen: ((call: KernelCall) => void) | null, body: () => T): T {
  const before = listener;
  listener = listen;
  current = undefined;
  try {
    return body();
  } finally {
    listener = before;
    current = undefined;
  }
}

/** An identity for the kernels in use: calls recorded with other kernels are not replayed. */
export function kernelTables(): object {
  return selected();
}

/** Makes one call of several recorded ones, if the kernels in use can do that. */
export function callJoiner(): CallJoiner | undefined {
  return selected().joiner;
}

function tellingSelection(of: Selection): Selection {
  if (telling?.of !== of) {
    const kernelsOf = madeOnce(<K extends object>(family: KernelFamily<K>) => {
      const dtypes = Object.entries(of.kernelsOf(family)) as [DType, K][];
      return Object.fromEntries(
        dtypes.map(([dtype, kernels]) => [dtype, tellingKernels(dtype, kernels)]),
      ) as unknown as ByDType<K>;
    });
    telling = { of, selection: { ...of, kernelsOf } };
  }
  return telling.selection;
}

function tellingKernels<K extends object>(dtype: DType, kernels: K): K {
  const wrapped = Object.entries(kernels).map(([name, run]: [string, KernelCall["run"]]) => {
    const tell = (...args: number[]) => {
      listener?.({ kernel: name as KernelName, dtype, run, args });
      return run(...args);
    };
    return [name, tell];
  });
  return Object.fromEntries(wrapped) as K;
}

/** The float32 kernels of this thread. */
export function kernelSet(): KernelSet {
  return selected().set;
}

/**
 * Selects the kernels of this thread. `"auto"` takes machine code if it was provided, else a BLAS if one was, else the
 * best that the engine runs.
 *
 * @throws ValueError if the engine cannot run them
 */
export function useKernels(choice: KernelChoice): KernelSet {
  selection = select(resolveKernels(choice));
  current = undefined;
  return selection.set;
}

/**
 * Moves this thread's numbers to a heap of so many bytes. If WebAssembly must reach it, wide kernels must be provided, and
 * the kernels in use stay what they are; else native kernels, which take the place of WebAssembly. See `enlargeHeap`.
 *
 * @throws MemoryError if the system refuses; then nothing has changed
 */
export function moveToLargerHeap(bytes: number, isWide: boolean): void {
  enlargeHeap(bytes, isWide);
  const isWasm = selection?.set === "wasm-plain" || selection?.set === "wasm-relaxed";
  selection = selection && select(isWasm && !isWide ? "native" : selection.set);
  current = undefined;
}
