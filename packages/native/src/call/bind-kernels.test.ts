// Compiled kernels as functions of core: how arguments get there and results come back, with kernels written by hand.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Heap } from "@shardgrad/core/engine";
import type { ParameterType } from "@shardgrad/core/kernels";
import { describe, expect, it } from "vitest";
import { Asm } from "../assembler/asm.ts";
import { newLabel } from "../assembler/labels.ts";
import { cc, mem, r8, rax, rcx, rdi, rdx } from "../assembler/operands.ts";
import { convention } from "../code/convention.ts";
import { installCode } from "../code/executable-memory.ts";
import { addressOf } from "../code/foreign.ts";
import type { EmbeddedKernel } from "../embedded.ts";
import { bindKernels } from "./bind-kernels.ts";
import { installRunner } from "./runner.ts";

const row = convention === "sysv" ? rdi : rcx;

/** neg(n, x, y) by integer instructions: flips the signs one by one. */
function emitNeg(a: Asm): void {
  const [next, end] = [newLabel(), newLabel()];
  a.vcvttsd2si(rax, mem(row));
  a.vcvttsd2si(rdx, mem(row, 8));
  a.vcvttsd2si(r8, mem(row, 16));
  a.bind(next);
  a.dec(rax);
  a.j(cc.s, end);
  a.vmovss(0, mem(rdx, 0, rax, 4));
  a.vmovd(row, 0);
  a.xor(row, -(2 ** 31));
  a.mov32(mem(r8, 0, rax, 4), row);
  a.jmp(next);
  a.bind(end);
  a.ret();
}

/** Copies its row of arguments, `count` of them, to the address in the first. */
function emitShow(count: number) {
  return (a: Asm): void => {
    a.vcvttsd2si(rax, mem(row));
    for (let i = 0; i < count; i++) {
      a.mov(r8, mem(row, 8 * i));
      a.mov(mem(rax, 8 * i), r8);
    }
    a.ret();
  };
}

/** Twice its argument, written over it. */
function emitTwice(a: Asm): void {
  a.vmovsd(0, mem(row));
  a.op3("vaddsd", 8, 0, 0, 0);
  a.vmovsd(mem(row), 0);
  a.ret();
}

function compile(emits: Record<string, [ParameterType[], (a: Asm) => void, Partial<EmbeddedKernel>?]>) {
  const a = new Asm();
  const kernels = Object.entries(emits).map(([name, [parameters, emit, rest]]): EmbeddedKernel => {
    a.align(16);
    const entry = a.at;
    emit(a);
    const entries = { sysv: entry, win64: entry };
    return { name, parameters, entries, scratchBytes: 0, returns: false, ...rest };
  });
  return { kernels, code: a.finish() };
}

describe.skipIf(process.arch !== "x64")("kernels", () => {
  const heap = new Heap({ memory: { buffer: new SharedArrayBuffer(1 << 20) as unknown as ArrayBuffer } });
  const base = addressOf(heap.uint8);
  const { kernels, code } = compile({
    neg: [["i32", "ptr", "ptr"], emitNeg],
    show: [["ptr", "i32", "f32", "ptr", "ptr"], emitShow(6), { scratchBytes: 1000 }],
    twice: [["i32"], emitTwice, { returns: true }],
  });
  const { run } = installRunner();
  const { kernels: functions, joiner } = bindKernels(kernels, installCode(code), heap, run);
  const bound = functions as unknown as Record<string, (...args: number[]) => unknown>;

  it("run on the numbers of the heap", () => {
    const [x, y] = [heap.arena.allocate(400, "x"), heap.arena.allocate(400, "y")];
    heap.float32.set([1, -2, 0, 4], x / 4);
    expect(bound.neg!(3, x, y)).toBeUndefined();
    expect([...heap.float32.subarray(y / 4, y / 4 + 4)]).toEqual([-1, 2, -0, 0]);
  });

  it("get addresses for offsets, 0 for none, numbers exactly, and scratch memory behind them", () => {
    const to = heap.arena.allocate(64, "to");
    bound.show!(to, 2 ** 31 - 1, Math.fround(0.1), 0, 64);
    const [first, count, number, none, place, scratch] = heap.float64.subarray(to / 8, to / 8 + 6);
    expect([first, count, number, none, place]).toEqual([
      base + to,
      2 ** 31 - 1,
      Math.fround(0.1),
      0,
      base + 64,
    ]);
    expect(scratch! - base).toBeGreaterThan(0);
    expect((scratch! - base) % 64).toBe(0);
    bound.show!(to, -1, -0.5, 64, 64);
    expect([...heap.float64.subarray(to / 8 + 1, to / 8 + 4)]).toEqual([-1, -0.5, base + 64]);
    bound.show!(to, 1, -0, 64, 64);
    expect(heap.float64[to / 8 + 2]).toBe(-0);
  });

  it("run several calls as one, again and again", () => {
    const at = heap.arena.allocate(64, "numbers");
    heap.float32.set([1, -2, 0, 4], at / 4);
    const { neg, twice } = bound;
    const negate = { run: neg!, args: [3, at, at] };
    expect([joiner.joins(neg!), joiner.joins(twice!), joiner.joins(() => undefined)]).toEqual([
      true,
      false,
      false,
    ]);
    expect(joiner.addresses(neg!)).toEqual([1, 2]);
    const free = heap.arena.largestFree();
    const joined = joiner.join([negate, { run: neg!, args: [1, at, at + 12] }, negate]);
    joined.run();
    expect([...heap.float32.subarray(at / 4, at / 4 + 4)]).toEqual([1, -2, 0, 1]);
    joined.run();
    expect([...heap.float32.subarray(at / 4, at / 4 + 4)]).toEqual([1, -2, 0, 1]);
    joined.dispose();
    expect(heap.arena.largestFree()).toBe(free);
  });

  it("leave nothing behind, however often they are called", () => {
    setFlagsFromString("--expose-gc");
    const collect: () => void = runInNewContext("gc");
    const held = (calls: number) => {
      for (let i = 0; i < calls; i++) bound.neg!(1, 64, 64);
      collect();
      const { heapUsed, external } = process.memoryUsage();
      return heapUsed + external;
    };
    const before = held(10_000);
    expect(held(300_000) - before).toBeLessThan(500_000);
  });

  it("return a number if they have a result", () => {
    expect([bound.twice!(21), bound.twice!(-3)]).toEqual([42, -6]);
  });
});

describe.skipIf(process.arch !== "x64")("a list", () => {
  it("of any number of kernels runs in one call, in order", () => {
    const { kernels, code } = compile({ twice: [["i32"], emitTwice] });
    const { run } = installRunner();
    const at = installCode(code) + kernels[0]!.entries[convention]!;
    const numbers = new Float64Array(new SharedArrayBuffer(64));
    numbers[0] = 3;
    const list = new BigInt64Array(new SharedArrayBuffer(256));
    const item = [BigInt(at), BigInt(addressOf(numbers))];
    list.set([3n, ...item, ...item, ...item]);
    run(addressOf(list));
    expect(numbers[0]).toBe(24);
    list[0] = 0n;
    run(addressOf(list));
    expect(numbers[0]).toBe(24);
  });
});
