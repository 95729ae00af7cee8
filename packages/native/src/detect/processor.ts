// Asks the processor what it is, in machine code, and decides which instruction set it runs.
import type { Asm } from "../assembler/asm.ts";
import { newLabel } from "../assembler/labels.ts";
import { cc, mem, r8, rax, rbx, rcx, rdi } from "../assembler/operands.ts";
import type { Convention, InstructionSet } from "../x64/machine.ts";

/** What the processor says of itself, and which registers the system saves. */
export interface Processor {
  /** ecx of CPUID leaf 1. */
  features: number;
  /** ebx of CPUID leaf 7. */
  moreFeatures: number;
  /** The lower half of XCR0. */
  saved: number;
}

/** The bits of `Processor` that the instruction sets need. */
const bits = {
  avx2: {
    // FMA, OSXSAVE, AVX; AVX2, BMI2; the system saves xmm and ymm.
    features: (1 << 12) | (1 << 27) | (1 << 28),
    moreFeatures: (1 << 5) | (1 << 8),
    saved: 0x06,
  },
  avx512: {
    features: 0,
    moreFeatures: (1 << 16) | (1 << 17) | (1 << 30) | (1 << 31),
    // The masks, and both halves of zmm, too.
    saved: 0xe6,
  },
} as const satisfies Record<InstructionSet, Processor>;

const names = ["features", "moreFeatures", "saved"] as const;

const has = (processor: Processor, set: InstructionSet) =>
  names.every((name) => (processor[name] & bits[set][name]) === bits[set][name]);

/** The best instruction set that a processor runs. */
export function instructionSetOf(processor: Processor): InstructionSet | undefined {
  if (!has(processor, "avx2")) return undefined;
  return has(processor, "avx512") ? "avx512" : "avx2";
}

/** Emits a kernel that writes a `Processor` over its arguments as three 8-byte integers, and returns its offset. */
export function emitProcessor(a: Asm, convention: Convention): number {
  a.align(16);
  const entry = a.at;
  const done = newLabel();
  a.push(rbx);
  a.mov(r8, convention === "sysv" ? rdi : rcx);
  for (const i of names.keys()) a.movi(mem(r8, 8 * i), 0);
  a.movi(rax, 1);
  a.movi(rcx, 0);
  a.cpuid();
  a.mov(mem(r8), rcx);
  // XGETBV is an instruction only where the system has set OSXSAVE.
  a.and(rcx, 1 << 27);
  a.j(cc.e, done);
  a.movi(rax, 0);
  a.cpuid();
  a.cmp(rax, 7);
  a.j(cc.l, done);
  a.movi(rax, 7);
  a.movi(rcx, 0);
  a.cpuid();
  a.mov(mem(r8, 8), rbx);
  a.movi(rcx, 0);
  a.xgetbv();
  a.mov(mem(r8, 16), rax);
  a.bind(done);
  a.pop(rbx);
  a.ret();
  return entry;
}

/** What the emitted code wrote. */
export function readProcessor(words: BigInt64Array): Processor {
  const [features, moreFeatures, saved] = words;
  return { features: Number(features), moreFeatures: Number(moreFeatures), saved: Number(saved) };
}
