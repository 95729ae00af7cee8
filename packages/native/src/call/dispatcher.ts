// The one function that JavaScript calls: it runs a list of kernels. A list is a row of 8-byte integers: how many kernels,
// then for each the address of its code and that of its arguments.
import type { Asm } from "../assembler/asm.ts";
import { newLabel } from "../assembler/labels.ts";
import { cc, mem, r12, rbx, rcx, rdi, rsp } from "../assembler/operands.ts";
import type { Convention } from "../x64/machine.ts";

/** Emits `void run(uintptr_t list)`, and returns its offset. A kernel gets the address of its arguments. */
export function emitDispatcher(a: Asm, convention: Convention): number {
  const [given, frame] = convention === "sysv" ? [rdi, 8] : [rcx, 40];
  a.align(16);
  const entry = a.at;
  a.push(rbx);
  a.push(r12);
  // The stack lies on 16 bytes at each call. Windows wants room for four arguments.
  a.sub(rsp, frame);
  a.mov(r12, mem(given));
  a.lea(rbx, mem(given, 8));
  const end = newLabel();
  a.test(r12, r12);
  a.j(cc.e, end);
  const next = a.here();
  a.mov(given, mem(rbx, 8));
  a.call(mem(rbx));
  a.add(rbx, 16);
  a.dec(r12);
  a.j(cc.ne, next);
  a.bind(end);
  a.add(rsp, frame);
  a.pop(r12);
  a.pop(rbx);
  a.ret();
  return entry;
}
