// Compiled kernels as functions with the signatures of core's table. Each has its own list and its own row of arguments in
// the heap, so that a call writes the arguments and nothing else. Arguments are float64, in which counts, addresses and
// float32 are exact; behind them stands the address of the thread's scratch memory. A result comes back in the first.
import type { CallJoiner, Heap, JoinableCall, JoinedCalls, Kernels } from "@shardgrad/core/engine";
import { scratchMemory } from "@shardgrad/core/engine";
import { convention } from "../code/convention.ts";
import { addressOf } from "../code/foreign.ts";
import type { EmbeddedKernel } from "../embedded.ts";

type KernelFunction = (...args: number[]) => number | undefined;

/** How to call a kernel: the address of its code, and what to add to each argument that is an offset. */
interface Callable {
  readonly code: number;
  readonly bases: readonly number[];
  /** The positions of those. */
  readonly addresses: readonly number[];
}

/** A list of one kernel: how many there are, its code, its arguments. */
const listBytes = 3 * 8;

/** Kernels as functions, and as parts of lists. */
export interface BoundKernels {
  readonly kernels: Partial<Kernels>;
  readonly joiner: CallJoiner;
}

/**
 * Writes the arguments of a call to a row. Offset 0 means that there is no such array, and so does address 0. Numbers keep
 * their sign if they are -0.
 */
function writeArguments(row: Float64Array, bases: readonly number[], args: readonly number[]): void {
  for (let i = 0; i < bases.length; i++) {
    const given = args[i]!;
    row[i] = given === 0 ? given : given + bases[i]!;
  }
}

/**
 * The kernels as functions over the numbers in `heap`.
 *
 * @param codeAt address of the code
 * @param run runs the list at an address
 */
export function bindKernels(
  compiled: readonly EmbeddedKernel[],
  codeAt: number,
  heap: Heap,
  run: (list: number) => void,
): BoundKernels {
  const holder = "arguments of kernels";
  const sizes = compiled.map(({ parameters }) => listBytes + 8 * (parameters.length + 1));
  let offset = heap.arena.allocate(
    sizes.reduce((sum, size) => sum + size, 0),
    holder,
  );
  const base = addressOf(heap.uint8);
  const scratch = base + scratchMemory(heap, Math.max(...compiled.map(({ scratchBytes }) => scratchBytes)));
  const callables = new Map<JoinableCall["run"], Callable>();
  const bind = (kernel: EmbeddedKernel, at: number): KernelFunction => {
    const { parameters, returns } = kernel;
    const list = new BigInt64Array(heap.buffer, at, 3);
    const row = new Float64Array(heap.buffer, at + listBytes, parameters.length + 1);
    const code = codeAt + kernel.entries[convention]!;
    list.set([1n, BigInt(code), BigInt(base + at + listBytes)]);
    row[parameters.length] = scratch;
    const bases = parameters.map((type) => (type === "ptr" ? base : 0));
    const addresses = parameters.flatMap((type, i) => (type === "ptr" ? [i] : []));
    const call: KernelFunction = (...args) => {
      writeArguments(row, bases, args);
      run(base + at);
      return returns ? row[0] : undefined;
    };
    // A result would be written over the arguments of the next time.
    if (!returns) callables.set(call, { code, bases, addresses });
    return call;
  };
  const bound = compiled.map((kernel, i) => {
    const at = offset;
    offset += sizes[i]!;
    return [kernel.name, bind(kernel, at)];
  });
  const joiner: CallJoiner = {
    joins: (call) => callables.has(call),
    addresses: (call) => callables.get(call)!.addresses,
    join: (calls) => joinCalls(calls, callables, { heap, base, scratch, run, holder }),
  };
  return { kernels: Object.fromEntries(bound) as Partial<Kernels>, joiner };
}

/** One list of several calls, their arguments behind it. */
function joinCalls(
  calls: readonly JoinableCall[],
  callables: ReadonlyMap<JoinableCall["run"], Callable>,
  where: { heap: Heap; base: number; scratch: number; run: (list: number) => void; holder: string },
): JoinedCalls {
  const { heap, base, scratch, run, holder } = where;
  const found = calls.map((call) => callables.get(call.run)!);
  const listWords = 1 + 2 * calls.length;
  const words = found.reduce((sum, { bases }) => sum + bases.length + 1, listWords);
  const at = heap.arena.allocate(8 * words, holder);
  const list = new BigInt64Array(heap.buffer, at, listWords);
  list[0] = BigInt(calls.length);
  let rowAt = at + 8 * listWords;
  for (const [i, { code, bases }] of found.entries()) {
    const row = new Float64Array(heap.buffer, rowAt, bases.length + 1);
    writeArguments(row, bases, calls[i]!.args);
    row[bases.length] = scratch;
    list[1 + 2 * i] = BigInt(code);
    list[2 + 2 * i] = BigInt(base + rowAt);
    rowAt += 8 * (bases.length + 1);
  }
  return {
    run: () => run(base + at),
    dispose: () => heap.arena.free(at, 8 * words, holder),
  };
}
