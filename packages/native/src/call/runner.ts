// What runs lists of kernels on a thread, and what must run before it is known which kernels the processor takes.
import { Asm } from "../assembler/asm.ts";
import { convention } from "../code/convention.ts";
import { installCode } from "../code/executable-memory.ts";
import { addressOf, functionAt } from "../code/foreign.ts";
import type { Processor } from "../detect/processor.ts";
import { emitProcessor, readProcessor } from "../detect/processor.ts";
import { emitDispatcher } from "./dispatcher.ts";

/** Runs the list of kernels at an address. */
export type Run = (list: number) => void;

/** Where the dispatcher is, and what the processor says: the same for all threads of the process. */
export interface Runner {
  readonly dispatcher: number;
  readonly processor: Processor;
}

/**
 * Installs the dispatcher, and asks the processor.
 *
 * @throws NativeError if the system allows no executable memory
 */
export function installRunner(): Runner & { run: Run } {
  const asm = new Asm();
  const dispatcherAt = emitDispatcher(asm, convention);
  const processorAt = emitProcessor(asm, convention);
  const code = installCode(asm.finish());
  const run = functionAt(code + dispatcherAt);
  // Shared memory stays where it is.
  const list = new BigInt64Array(new SharedArrayBuffer(64));
  const words = list.subarray(3);
  list.set([1n, BigInt(code + processorAt), BigInt(addressOf(words))]);
  run(addressOf(list));
  return { run, dispatcher: code + dispatcherAt, processor: readProcessor(words) };
}
