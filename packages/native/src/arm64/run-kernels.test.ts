// Compiled kernels, run: the bits of the interpreter, and nothing outside of the arrays. Skipped where nothing runs programs
// for arm64; `qemu-user` of Debian does.
import type { Definition, Value } from "@shardgrad/core/kernels";
import { defineKernel, defineRoutine, interpret } from "@shardgrad/core/kernels";
import { describe, expect, test } from "vitest";
import type { Arm64Call } from "../../testing/arm64-program.ts";
import { runArm64, runsArm64 } from "../../testing/arm64-program.ts";
import type { Argument } from "../../testing/kernel-cases.ts";
import {
  definitionOf,
  interpreted,
  kernelCases,
  plain,
  withOwnWorkspace,
} from "../../testing/kernel-cases.ts";
import { codeOf } from "../embedded.ts";
import { libraries } from "../kernel-code.generated.ts";
import { checkBytes, hashOf, prepareCheck } from "../self-check/check-memory.ts";
import { kernelChecks } from "../self-check/kernel-checks.ts";
import { compileArm64 } from "./library.ts";
import { neon } from "./machine.ts";

const { kernels, checks } = libraries.neon;
const code = codeOf(libraries.neon);
const entryOf = (name: string) => kernels.find((kernel) => kernel.name === name)!.entries.aapcs64!;

function callOf(name: string, args: readonly Argument[], atEnd: boolean): Arm64Call {
  const arrays: Uint8Array[] = [];
  const given = args.map((arg) => {
    if (arg === null || typeof arg === "number") return arg ?? 0;
    arrays.push(new Uint8Array(arg.buffer, arg.byteOffset, arg.byteLength));
    return { array: arrays.length - 1, offset: 0 };
  });
  return { entry: entryOf(name), arrays, args: given, atEnd };
}

describe.skipIf(!runsArm64)("code for arm64", () => {
  test("has the bits of the interpreter, and touches nothing outside of the arrays", () => {
    const cases = [...kernelCases(neon)];
    const both = cases.flatMap((one) => [true, false].map((atEnd) => ({ one, atEnd })));
    const results = runArm64(
      code,
      both.map(({ one: [name, args], atEnd }) => callOf(name, args, atEnd)),
    );
    for (const [i, [name, args, ignored]] of cases.entries()) {
      const expected = interpreted(definitionOf(name), withOwnWorkspace(args, ignored));
      for (const { arrays } of results.slice(2 * i, 2 * i + 2)) {
        const got = arrays.map((array) => plain(new Int32Array(array.buffer)));
        const compared = got.length - ignored;
        expect(got.slice(0, compared), `${name} ${args.filter((arg) => typeof arg === "number")}`).toEqual(
          expected.slice(0, compared),
        );
      }
    }
  });

  test("passes the self-check of every family", () => {
    const start = 64;
    const prepared = kernelChecks.map((check) => {
      const bytes = new Uint8Array(start + checkBytes);
      const memory = { float32: new Float32Array(bytes.buffer), int32: new Int32Array(bytes.buffer) };
      const { given, end } = prepareCheck(check, memory, start);
      const args = check.args.map((arg, i) =>
        typeof arg === "number" ? arg : { array: 0, offset: given[i]! },
      );
      const call = { entry: entryOf(check.kernel), arrays: [bytes], args, atEnd: false };
      return { name: check.kernel, call, end };
    });
    const results = runArm64(
      code,
      prepared.map(({ call }) => call),
    );
    const wrong = prepared.filter(({ end }, i) => {
      const { buffer } = results[i]!.arrays[0]!;
      const memory = { float32: new Float32Array(buffer), int32: new Int32Array(buffer) };
      return hashOf(memory, start, end) !== checks[i];
    });
    expect(wrong.map(({ name }) => name)).toEqual([]);
  });
});

/** What a kernel leaves in its one array, by the code and by the interpreter. */
function both(definition: Definition, words: Int32Array): [got: number[], expected: number[]] {
  const library = compileArm64([definition]);
  const array = { array: 0, offset: 0 };
  const args = definition.parameters.map((type, i) => (type === "ptr" ? array : i));
  const call = { entry: library.entries.get(definition.name)!, arrays: [new Uint8Array(words.buffer)], args };
  const [result] = runArm64(library.code, [{ ...call, atEnd: true }]);
  const heap = words.slice().buffer;
  const given = definition.parameters.map((type, i) => (type === "ptr" ? 0 : i));
  interpret(definition.record(neon), given, { heap, near: heap, scratch: 0 }, neon);
  return [plain(new Int32Array(result!.arrays[0]!.buffer)), plain(new Int32Array(heap))];
}

const floats = (length: number) =>
  new Int32Array(Float32Array.from({ length }, (_, i) => ((7 * i) % 13) - 5.75).buffer);

describe.skipIf(!runsArm64)("code for arm64 that no kernel has", () => {
  test("keeps integers on the stack where there are more than registers", () => {
    const count = 40;
    const many = defineKernel("many", ["ptr", ...Array<"i32">(count).fill("i32")], (k, to, ...numbers) => {
      const sums = numbers.map((number, i) => k.variable("i32", k.add(number, k.loadInt(to, 4 * i))));
      for (const [i, sum] of sums.entries()) {
        const other = sums.at(i - 1)!;
        const larger = k.select(k.gt(sum, other), k.mul(sum, other), k.sub(other, sum));
        k.storeInt(to, k.add(larger, numbers[i]!), 4 * i);
      }
    });
    const [got, expected] = both(
      many,
      Int32Array.from({ length: count }, (_, i) => (i * 37) % 50),
    );
    expect(got).toEqual(expected);
  });

  test("shifts negative integers as 32 bits, and reaches any offset", () => {
    const far = 70_000;
    const kernel = defineKernel("far", ["ptr"], (k, from) => {
      const behind = k.variable("ptr", k.add(from, far));
      for (const [i, by] of [0, 1, 31].entries()) k.storeInt(from, k.shr(k.loadInt(from, 16), by), 4 * i);
      k.store(from, k.load(from, far + 4), 32);
      k.store(from, k.load(from, far + 16), 48);
      k.store(behind, k.load(behind, -far), -300);
      k.store(from, k.splat(behind, -4), 64);
      k.storeWide(from, k.splatWide(from, 4100), 80);
      k.storePart(k.do("tail.first", 3), from, k.load(from, 5001), far + 40);
    });
    const words = floats(far / 4 + 20);
    words[4] = 7 - 2 ** 31;
    const [got, expected] = both(kernel, words);
    expect(got).toEqual(expected);
  });

  test("repeats a number where more than its first lane counts", () => {
    const kernel = defineKernel("factors", ["ptr"], (k, x) => {
      const [first, second, third, fourth] = [0, 4, 8, 12].map((at) => k.splat(x, at)) as [
        ...[Value, Value, Value, Value],
      ];
      const lanes = k.load(x, 16);
      k.store(x, k.madd(first, lanes, second), 32);
      k.store(x, k.madd(lanes, third, lanes), 48);
      k.store(x, k.madd(fourth, fourth, lanes), 64);
      k.store(x, k.mul(k.splat(x, 20), lanes), 80);
    });
    const [got, expected] = both(kernel, floats(24));
    expect(got).toEqual(expected);
  });

  test("loads the constants of a loop again after a call, which keeps none", () => {
    const negate = defineRoutine("negate", ["ptr"], neon, (k, x) => {
      const lanes = Array.from({ length: 28 }, (_, i) => k.load(x, 4 * i));
      for (const [i, lane] of lanes.entries()) k.store(x, k.sub(0.5, lane), 4 * i);
    });
    const kernel = defineKernel("constants", ["ptr"], (k, x) => {
      const left = k.variable("i32", k.int(3));
      k.loop(() => {
        k.store(x, k.add(k.load(x), 0.1));
        k.call(negate, x);
        k.store(x, k.mul(k.load(x), 1.7));
        k.increase(left, -1);
        return k.gt(left, 0);
      });
    });
    const [got, expected] = both(kernel, floats(40));
    expect(got).toEqual(expected);
  });
});
