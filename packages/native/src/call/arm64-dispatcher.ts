// The one function that JavaScript calls, as dispatcher.ts has it, for arm64.
import type { Asm } from "../arm64/asm.ts";
import { link } from "../arm64/asm.ts";
import { newLabel } from "../assembler/labels.ts";

/** The frame, which is kept with the link. */
const frame = 29;
const given = 0;
/** Registers that kernels keep: how many are left, and where the list goes on. */
const [left, item] = [19, 20];
const kernel = 16;

/** Emits `void run(uintptr_t list)`, and returns its offset. A kernel gets the address of its arguments. */
export function emitArm64Dispatcher(a: Asm): number {
  a.align(16);
  const entry = a.at;
  const end = newLabel();
  a.pair("stp.x", frame, link);
  a.pair("stp.x", left, item);
  a.transfer("ldr.x", left, given);
  a.addImmediate(item, given, 8);
  a.jumpIfZero(left, end);
  const next = a.here();
  a.transfer("ldr.x", kernel, item);
  a.transfer("ldr.x", given, item, 8);
  a.callAt(kernel);
  a.addImmediate(item, item, 16);
  a.addImmediate(left, left, -1);
  a.jumpUnlessZero(left, next);
  a.bind(end);
  a.pair("ldp.x", left, item);
  a.pair("ldp.x", frame, link);
  a.return();
  return entry;
}
