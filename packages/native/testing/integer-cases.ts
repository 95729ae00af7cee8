// Every form of the integer instructions.
import { cc } from "../src/assembler/operands.ts";
import type { EncodeCase } from "./encode-case.ts";
import { Operands, pointer, r8, r32, r64 } from "./encode-case.ts";

const arithmetic = ["add", "or", "and", "sub", "xor", "cmp"] as const;
const numbers = [1, 127, 128, -128, -129, 65536, -1];

function ofRegisters(operands: Operands): EncodeCase[] {
  const [g, h] = [operands.integer(), operands.integer()];
  const { place, text } = operands.place();
  const qword = pointer(8, text);
  const dword = pointer(4, text);
  const by = operands.of([1, 2, 5, 63]);
  const n = operands.of(numbers);
  const rax = { n: 0 };
  return [
    ...arithmetic.flatMap((name): EncodeCase[] => [
      { text: `${name} ${r64(g)},${r64(h)}`, emit: (asm) => asm[name](g, h) },
      { text: `${name} ${r64(g)},${qword}`, emit: (asm) => asm[name](g, place) },
      { text: `${name} ${qword},${r64(g)}`, emit: (asm) => asm[name](place, g) },
      { text: `${name} ${r64(g)},${n}`, emit: (asm) => asm[name](g, n) },
      { text: `${name} rax,${n}`, emit: (asm) => asm[name](rax, n) },
      { text: `${name} ${qword},${n}`, emit: (asm) => asm[name](place, n) },
    ]),
    ...(["div", "neg", "inc", "dec"] as const).flatMap((name): EncodeCase[] => [
      { text: `${name} ${r64(g)}`, emit: (asm) => asm[name](g) },
      { text: `${name} ${qword}`, emit: (asm) => asm[name](place) },
    ]),
    ...(["shl", "shr", "sar"] as const).map((name) => ({
      text: `${name} ${r64(g)},${by}`,
      emit: (asm: Parameters<EncodeCase["emit"]>[0]) => asm[name](g, by),
    })),
    { text: `mov ${r64(g)},${r64(h)}`, emit: (asm) => asm.mov(g, h) },
    { text: `mov ${r64(g)},${qword}`, emit: (asm) => asm.mov(g, place) },
    { text: `mov ${qword},${r64(g)}`, emit: (asm) => asm.mov(place, g) },
    { text: `mov ${r32(g)},${r32(h)}`, emit: (asm) => asm.mov32(g, h) },
    { text: `mov ${r32(g)},${dword}`, emit: (asm) => asm.mov32(g, place) },
    { text: `mov ${dword},${r32(g)}`, emit: (asm) => asm.mov32(place, g) },
    { text: `mov ${r64(g)},${n}`, emit: (asm) => asm.movi(g, n) },
    { text: `mov ${qword},${n}`, emit: (asm) => asm.movi(place, n) },
    { text: `mov ${r32(g)},${n}`, emit: (asm) => asm.movi32(g, n) },
    { text: `mov ${dword},${n}`, emit: (asm) => asm.movi32(place, n) },
    { text: `movabs ${r64(g)},0x123456789abcdef0`, emit: (asm) => asm.movabs(g, 0x123456789abcdef0n) },
    { text: `movzx ${r32(g)},${r8(h)}`, emit: (asm) => asm.movzx8(g, h) },
    { text: `mov byte ptr ${text},${r8(g)}`, emit: (asm) => asm.mov8(place, g) },
    { text: `movzx ${r32(g)},byte ptr ${text}`, emit: (asm) => asm.movzx8(g, place) },
    { text: `movsxd ${r64(g)},${r32(h)}`, emit: (asm) => asm.movsxd(g, h) },
    { text: `movsxd ${r64(g)},${dword}`, emit: (asm) => asm.movsxd(g, place) },
    { text: `lea ${r64(g)},${text}`, emit: (asm) => asm.lea(g, place) },
    { text: `imul ${r64(g)},${r64(h)}`, emit: (asm) => asm.imul(g, h) },
    { text: `imul ${r64(g)},${qword}`, emit: (asm) => asm.imul(g, place) },
    { text: `imul ${r64(g)},${r64(h)},${n}`, emit: (asm) => asm.imul(g, h, n) },
    { text: `imul ${r64(g)},${qword},${n}`, emit: (asm) => asm.imul(g, place, n) },
    { text: `shlx ${r64(g)},${r64(h)},${r64({ n: 10 })}`, emit: (asm) => asm.shlx(g, h, { n: 10 }) },
    { text: `bzhi ${r64(g)},${r64(h)},rcx`, emit: (asm) => asm.bzhi(g, h, { n: 1 }) },
    { text: `test ${r64(g)},${r64(h)}`, emit: (asm) => asm.test(g, h) },
    { text: `push ${r64(g)}`, emit: (asm) => asm.push(g) },
    { text: `pop ${r64(g)}`, emit: (asm) => asm.pop(g) },
    { text: `call ${r64(g)}`, emit: (asm) => asm.call(g) },
    { text: `call ${qword}`, emit: (asm) => asm.call(place) },
    { text: `jmp ${r64(g)}`, emit: (asm) => asm.jmpTo(g) },
    { text: `jmp ${qword}`, emit: (asm) => asm.jmpTo(place) },
    { text: `prefetcht0 byte ptr ${text}`, emit: (asm) => asm.prefetcht0(place) },
  ];
}

function conditions(operands: Operands): EncodeCase[] {
  return Object.entries(cc).flatMap(([name, code]): EncodeCase[] => {
    const [g, h] = [operands.integer(), operands.integer()];
    const { place, text } = operands.place();
    return [
      { text: `set${name} ${r8(g)}`, emit: (asm) => asm.setcc(code, g) },
      { text: `cmov${name} ${r64(g)},${r64(h)}`, emit: (asm) => asm.cmov(code, g, h) },
      { text: `cmov${name} ${r64(g)},${pointer(8, text)}`, emit: (asm) => asm.cmov(code, g, place) },
      { text: `{disp32} j${name} .`, emit: (asm) => asm.j(code, asm.here()) },
      { text: `{disp32} j${name} .-200`, emit: (asm) => asm.j(code, { at: asm.at - 200 }) },
    ];
  });
}

/** By their bytes, from 1 on. */
const nops = [
  "nop",
  "xchg ax,ax",
  "nop dword ptr [rax]",
  "{disp8} nop dword ptr [rax+0]",
  "{disp8} nop dword ptr [rax+rax*1+0]",
  "{disp8} nop word ptr [rax+rax*1+0]",
  "{disp32} nop dword ptr [rax+0]",
  "{disp32} nop dword ptr [rax+rax*1+0]",
  "{disp32} nop word ptr [rax+rax*1+0]",
];

const others: readonly EncodeCase[] = [
  { text: "ret", emit: (asm) => asm.ret() },
  { text: "cpuid", emit: (asm) => asm.cpuid() },
  { text: "xgetbv", emit: (asm) => asm.xgetbv() },
  { text: "{disp32} jmp .+1000", emit: (asm) => asm.jmp({ at: asm.at + 1000 }) },
  { text: "call .-1000", emit: (asm) => asm.call({ at: asm.at - 1000 }) },
];

export function integerCases(): EncodeCase[] {
  const operands = new Operands(3);
  const rounds = Array.from({ length: 8 }, () => ofRegisters(operands));
  const gaps = nops.map((text, i): EncodeCase => ({ text, emit: (asm) => asm.nop(i + 1) }));
  return [...rounds.flat(), ...conditions(operands), ...others, ...gaps];
}
