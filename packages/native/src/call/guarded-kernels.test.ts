// Compiled kernels: the bits of the interpreter, on arrays that end and begin where memory does.
import { defineKernel } from "@shardgrad/core/kernels";
import { describe, expect, test } from "vitest";
import { GuardedMemory } from "../../testing/guarded-memory.ts";
import type { Argument } from "../../testing/kernel-cases.ts";
import {
  definitionOf,
  interpreted,
  kernelCases,
  plain,
  withOwnWorkspace,
} from "../../testing/kernel-cases.ts";
import { convention } from "../code/convention.ts";
import { installCode } from "../code/executable-memory.ts";
import { addressOf } from "../code/foreign.ts";
import { codeOf } from "../embedded.ts";
import { libraries } from "../kernel-code.generated.ts";
import { compileLibrary } from "../x64/library.ts";
import { machines } from "../x64/machine.ts";
import { installRunner } from "./runner.ts";

const runs = process.arch === "x64" && process.platform !== "win32";

describe.skipIf(!runs)("compiled kernels", () => {
  const { run, best } = installRunner();
  const sets = (["avx2", "avx512"] as const).filter((set) => best === "avx512" || set === best);
  const memory = new GuardedMemory(9, 1 << 20);
  const scratch = new Uint8Array(new SharedArrayBuffer(1 << 17));
  const list = new BigInt64Array(new SharedArrayBuffer(512));
  const row = new Float64Array(list.buffer, 64);

  /** Runs the code at an address. */
  function call(entry: number, args: readonly Argument[], atEnd: boolean): number[][] {
    memory.clear();
    const read: (() => Int32Array)[] = [];
    for (const [i, arg] of args.entries()) {
      if (arg === null || typeof arg === "number") row[i] = arg ?? 0;
      else {
        const placed = memory.place(arg, atEnd);
        row[i] = placed.address;
        read.push(placed.read);
      }
    }
    row[args.length] = addressOf(scratch);
    list.set([1n, BigInt(entry), BigInt(addressOf(list) + 64)]);
    run(addressOf(list));
    return read.map((words) => plain(words()));
  }

  test.each(sets)("%s: the bits of the interpreter, and nothing outside of the arrays", (set) => {
    const code = installCode(codeOf(libraries[set]));
    for (const [name, args, ignored] of kernelCases(machines[set].target)) {
      const { entries } = libraries[set].kernels.find((kernel) => kernel.name === name)!;
      const expected = interpreted(definitionOf(name), withOwnWorkspace(args, ignored));
      for (const atEnd of [true, false]) {
        const got = call(code + entries[convention]!, args, atEnd);
        const compared = got.length - ignored;
        expect(got.slice(0, compared), `${name} ${args.filter((arg) => typeof arg === "number")}`).toEqual(
          expected.slice(0, compared),
        );
      }
    }
  });

  test.each(sets)("%s: negative integers are shifted as 32 bits", (set) => {
    const shifts = [0, 1, 8, 31];
    const kernel = defineKernel("shifts", ["ptr"], (k, x) => {
      const given = k.loadInt(x);
      for (const [i, by] of shifts.entries()) k.storeInt(x, k.shr(given, by), 4 + 4 * i);
    });
    const { code, entries } = compileLibrary([kernel], machines[set]);
    const entry = installCode(code) + entries[convention as "sysv"].get("shifts")!;
    const negative = 7 - 2 ** 31;
    expect(call(entry, [Int32Array.of(negative, 0, 0, 0, 0)], true)).toEqual([
      [negative, ...shifts.map((by) => (negative >>> by) | 0)],
    ]);
  });

  test.each(sets)("%s: integers and addresses that have no registers are stored where they belong", (set) => {
    const count = 9;
    const kernel = defineKernel(
      "many",
      Array.from({ length: 2 * count }, (_, i) => (i % 2 ? "i32" : "ptr")),
      (k, ...given) => {
        const loaded = given.map((at, i) => (i % 2 ? at : k.variable("i32", k.loadInt(at))));
        for (let i = 0; i < count; i++) {
          k.storeInt(given[2 * i]!, loaded[2 * i]!, 4);
          k.storeInt(given[2 * i]!, loaded[2 * i + 1]!, 8);
          k.storeByte(given[2 * i]!, loaded[2 * i + 1]!, 12);
        }
      },
    );
    const { code, entries } = compileLibrary([kernel], machines[set]);
    const entry = installCode(code) + entries[convention as "sysv"].get("many")!;
    const args = Array.from({ length: count }, (_, i) => [Int32Array.of(100 + i, 0, 0, 0), 300 + i]).flat();
    expect(call(entry, args, true)).toEqual(
      Array.from({ length: count }, (_, i) => [100 + i, 100 + i, 300 + i, 44 + i]),
    );
  });
});
