// The backend for arm64: its assembler against GNU as, and that all kernels fit.
import type { Recorder, Variable } from "@shardgrad/core/kernels";
import { defineKernel, kernelDefinitions } from "@shardgrad/core/kernels";
import { describe, expect, it, test } from "vitest";
import type { Arm64Case } from "../../testing/arm64-cases.ts";
import { arm64Cases, wordOf } from "../../testing/arm64-cases.ts";
import { lineOf, readListing } from "../../testing/listings.ts";
import { newLabel } from "../assembler/labels.ts";
import { Asm } from "./asm.ts";
import { compileArm64 } from "./library.ts";
import { vectorRegisters } from "./machine.ts";

const definitions = Object.values(kernelDefinitions).flat();

describe("the assembler", () => {
  it("makes what GNU as made of every form of every instruction", () => {
    const lines = arm64Cases().map((instruction) => lineOf(instruction.text, wordOf(instruction)));
    expect(lines).toEqual(readListing("arm64"));
  });

  it("has no method that is in no listing", () => {
    const called = new Set<string>();
    const watch = ({ emit }: Arm64Case) =>
      emit(
        new Proxy(new Asm(), {
          get(asm, name) {
            called.add(String(name));
            const member: unknown = Reflect.get(asm, name, asm);
            return typeof member === "function" ? member.bind(asm) : member;
          },
        }),
      );
    arm64Cases().forEach(watch);
    const methods = Object.getOwnPropertyNames(Asm.prototype);
    expect(methods.filter((name) => name !== "constructor" && !called.has(name))).toEqual([]);
  });

  it("makes any integer", () => {
    for (const number of [0, 1, 0x12345678, 2 ** 53 - 1, 0xffff0000, -1, -2, -0x12345678, -(2 ** 53) + 1]) {
      const asm = new Asm();
      asm.number(3, number);
      const words = new Uint32Array(asm.finish().buffer);
      let bits = 0n;
      for (const word of words) {
        const [imm, shift] = [BigInt((word >>> 5) & 0xffff), BigInt(16 * ((word >>> 21) & 3))];
        const kind = word >>> 23;
        if (kind === 0b111100101) bits = (bits & ~(0xffffn << shift)) | (imm << shift);
        else bits = kind === 0b100100101 ? ~(imm << shift) : imm << shift;
      }
      expect(Number(BigInt.asIntN(64, bits))).toBe(number);
    }
  });

  test.each<[string, (asm: Asm) => void]>([
    ["add has no form for 4097", (asm) => asm.addImmediate(1, 2, 4097)],
    ["a load or store does not reach 4100", (asm) => asm.transfer("ldr.q", 1, 2, 4100)],
    ["a load or store does not reach -257", (asm) => asm.transfer("str.w", 1, 2, -257)],
    ["the label that offset 0 refers to was never bound", (asm) => asm.jump(newLabel())],
    [
      "offset 0 does not reach its label, 1048576 bytes away",
      (asm) => {
        const far = newLabel();
        asm.literal(1, far);
        asm.align(2 ** 20);
        asm.bind(far);
      },
    ],
  ])("refuses what there is no instruction for: %s", (message, emit) => {
    const asm = new Asm();
    expect(() => {
      emit(asm);
      asm.finish();
    }).toThrow(`assembler: ${message}`);
  });
});

describe("code for arm64", () => {
  test("all kernels fit, and the code is the same each time", { timeout: 60_000 }, () => {
    const library = compileArm64(definitions);
    for (const { name } of definitions) expect(library.entries.get(name)).toBeGreaterThanOrEqual(0);
    expect(compileArm64(definitions)).toEqual(library);
  });

  test("a kernel that needs more registers of lanes than there are is refused", () => {
    const sums = (k: Recorder, x: Variable, count: number) => {
      const lanes = Array.from({ length: count }, (_, i) => k.variable("v", k.load(x, 16 * i)));
      for (const [i, lane] of lanes.entries()) k.store(x, lane, 16 * i);
    };
    const kernel = (count: number) => defineKernel("wide", ["ptr"], (k, x) => sums(k, x, count));
    compileArm64([kernel(vectorRegisters)]);
    expect(() => compileArm64([kernel(vectorRegisters + 2)])).toThrow(
      `wide: needs 2 more vector registers than the ${vectorRegisters} there are`,
    );
  });
});
