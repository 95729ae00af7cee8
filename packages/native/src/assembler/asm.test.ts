// The assembler against GNU as: the committed listings hold what that made of every form of every instruction.
import { describe, expect, it, test } from "vitest";
import type { EncodeCase } from "../../testing/encode-case.ts";
import { bytesOf } from "../../testing/encode-case.ts";
import { lineOf, listings, readListing } from "../../testing/listings.ts";
import { Asm } from "./asm.ts";
import { Encoder } from "./encoder.ts";
import { IntegerAsm } from "./integers.ts";
import { newLabel } from "./labels.ts";
import { at, mem, rax, rcx, rsp } from "./operands.ts";
import { VectorAsm } from "./vectors.ts";

test.each(Object.entries(listings))("the listing of %s has the bytes of the assembler", (name, cases) => {
  expect(cases().map((instruction) => lineOf(instruction.text, bytesOf(instruction)))).toEqual(
    readListing(name),
  );
});

test("every method that makes an instruction is in a listing", () => {
  const methods = [IntegerAsm, VectorAsm, Asm].flatMap(({ prototype }) =>
    Object.getOwnPropertyNames(prototype),
  );
  const called = new Set<string>();
  const watch = ({ emit }: EncodeCase) =>
    emit(
      new Proxy(new Asm(), {
        get(asm, name) {
          called.add(String(name));
          const member: unknown = Reflect.get(asm, name, asm);
          return typeof member === "function" ? member.bind(asm) : member;
        },
      }),
    );
  for (const cases of Object.values(listings)) cases().forEach(watch);
  expect(methods.filter((name) => name !== "constructor" && !called.has(name))).toEqual([]);
});

describe("labels", () => {
  const distanceAt = (code: Uint8Array, offset: number) => new DataView(code.buffer).getInt32(offset, true);

  it("lie before or behind what refers to them, in a buffer of any size", () => {
    const asm = new Asm();
    const start = asm.here();
    const end = newLabel();
    asm.jmp(end);
    for (let i = 0; i < 5000; i++) asm.ret();
    asm.jmp(start);
    asm.bind(end);
    const code = asm.finish();
    expect([code.length, distanceAt(code, 1), distanceAt(code, 5006)]).toEqual([5010, 5005, -5010]);
  });

  it("of constants count from the end of the instruction, immediate and offset included", () => {
    const asm = new Asm();
    const constants = newLabel();
    asm.op3i("vshufps", 32, 1, 2, at(constants, 32), 0);
    asm.bind(constants);
    expect(distanceAt(asm.finish(), 4)).toBe(32);
  });

  it("must be bound", () => {
    const asm = new Asm();
    asm.jmp(newLabel());
    expect(() => asm.finish()).toThrow("assembler: the label that offset 1 refers to was never bound");
  });
});

test("code is filled up with instructions that do nothing", () => {
  const asm = new Encoder();
  asm.byte(0xc3);
  asm.align(32);
  expect(asm.at).toBe(32);
  asm.align(32);
  expect(asm.at).toBe(32);
});

test.each<[string, (asm: Asm) => void]>([
  ["rsp cannot be an index", (asm) => asm.lea(rax, mem(rcx, 0, rsp))],
  ["vblendvps has no form of 64 bytes", (asm) => asm.vblendvps(64, 1, 2, 3, 4)],
  ["vmaskmovps has no form of 32 bytes", (asm) => asm.vmaskmovps(32, 16, 2, mem(rax))],
  ["vcmpps has no form of 32 bytes", (asm) => asm.op3i("vcmpps", 32, 1, 2, 3, 0, { k: 1 })],
  ["vpermps has no form of 16 bytes", (asm) => asm.op3("vpermps", 16, 1, 2, 3)],
  ["vaddss has no form of 4 bytes", (asm) => asm.op3("vaddss", 4, 1, 2, mem(rax), { bcast: true })],
  ["vmovhlps has no form of 16 bytes", (asm) => asm.op3("vmovhlps", 16, 1, 2, mem(rax))],
])("what no processor has is refused: %s", (message, emit) => {
  expect(() => emit(new Asm())).toThrow(`assembler: ${message}`);
});
