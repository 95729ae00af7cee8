// What runs lists of kernels on a thread, and what must run before it is known which kernels the processor takes.
import { Asm as Arm64Asm } from "../arm64/asm.ts";
import { Asm } from "../assembler/asm.ts";
import type { InstructionSet } from "../backends.ts";
import { convention } from "../code/convention.ts";
import { installCode } from "../code/executable-memory.ts";
import { addressOf, functionAt } from "../code/foreign.ts";
import type { Processor } from "../detect/processor.ts";
import { emitProcessor, instructionSetOf, readProcessor } from "../detect/processor.ts";
import { emitArm64Dispatcher } from "./arm64-dispatcher.ts";
import { emitDispatcher } from "./dispatcher.ts";

/** Runs the list of kernels at an address. */
export type Run = (list: number) => void;

/** Where the dispatcher is, and what the processor runs: the same for all threads of the process. */
export interface Runner {
  readonly run: Run;
  readonly dispatcher: number;
  /** The best instruction set that the processor has; undefined if there is no machine code for it. */
  readonly best: InstructionSet | undefined;
  /** What an x86-64 processor says of itself. */
  readonly processor?: Processor;
}

/**
 * Installs the dispatcher, and asks the processor.
 *
 * @throws NativeError if the system allows no executable memory
 */
export function installRunner(): Runner {
  return convention === "aapcs64" ? onArm64() : onX64(convention);
}

function onX64(called: "sysv" | "win64"): Runner {
  const asm = new Asm();
  const dispatcherAt = emitDispatcher(asm, called);
  const processorAt = emitProcessor(asm, called);
  const code = installCode(asm.finish());
  const run = functionAt(code + dispatcherAt);
  // Shared memory stays where it is.
  const list = new BigInt64Array(new SharedArrayBuffer(64));
  const words = list.subarray(3);
  list.set([1n, BigInt(code + processorAt), BigInt(addressOf(words))]);
  run(addressOf(list));
  const processor = readProcessor(words);
  return { run, dispatcher: code + dispatcherAt, best: instructionSetOf(processor), processor };
}

/** Every arm64 processor that Node.js runs on has NEON, with fused multiply-add. */
function onArm64(): Runner {
  const asm = new Arm64Asm();
  const at = emitArm64Dispatcher(asm);
  const dispatcher = installCode(asm.finish()) + at;
  return { run: functionAt(dispatcher), dispatcher, best: "neon" };
}
