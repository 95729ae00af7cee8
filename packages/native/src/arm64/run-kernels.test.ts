// Compiled kernels, run: the bits of the interpreter, and nothing outside of the arrays. Skipped where nothing runs programs
// for arm64; `qemu-user` of Debian does.
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
