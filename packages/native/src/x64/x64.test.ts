import type { Recorder, Target, Variable } from "@shardgrad/core/kernels";
import { defineKernel, kernelDefinitions } from "@shardgrad/core/kernels";
import { describe, expect, test } from "vitest";
import { allocate } from "../allocation/registers.ts";
import { compileLibrary } from "./library.ts";
import { machines } from "./machine.ts";

const definitions = Object.values(kernelDefinitions).flat();

describe.each(Object.values(machines))("code for $set", (machine) => {
  test("all kernels fit, and the code is the same each time", { timeout: 60_000 }, () => {
    const library = compileLibrary(definitions, machine);
    for (const { name } of definitions) {
      expect(library.entries.sysv.get(name)).toBeGreaterThanOrEqual(0);
      expect(library.entries.win64.get(name)).toBeGreaterThanOrEqual(0);
    }
    expect(compileLibrary(definitions, machine)).toEqual(library);
  });

  test("a kernel that needs more registers of lanes than there are is refused", () => {
    const sums = (k: Recorder, x: Variable, count: number) => {
      const lanes = Array.from({ length: count }, (_, i) => k.variable("v", k.load(x, 64 * i)));
      for (const [i, lane] of lanes.entries()) k.store(x, lane, 64 * i);
    };
    const kernel = (count: number) => defineKernel("wide", ["ptr"], (k, x) => sums(k, x, count));
    const { vectorRegisters } = machine;
    compileLibrary([kernel(vectorRegisters)], machine);
    expect(() => compileLibrary([kernel(vectorRegisters + 2)], machine)).toThrow(
      `wide: needs 2 more vector registers than the ${vectorRegisters} there are`,
    );
  });
});

test("definitions know lanes and tiles of a target, and no more", () => {
  const keys: (keyof Target)[] = [
    "clears",
    "fuses",
    "lanes",
    "masks",
    "packs",
    "registers",
    "tile",
    "unroll",
  ];
  for (const { target } of Object.values(machines)) expect(Object.keys(target).sort()).toEqual(keys);
});

test("registers are given anew when a life ends, and the least used goes to memory", () => {
  const life = (from: number, to: number, weight = 1) => ({ from, to, weight });
  const claims = [
    { of: "a", life: life(0, 10, 5) },
    { of: "b", life: life(2, 4) },
    { of: "c", life: life(4, 8) },
    { of: "d", life: life(5, 7, 0) },
  ];
  const { registers, left } = allocate(claims, 2);
  expect(left).toEqual(["d"]);
  expect(registers.get("b")).toBe(registers.get("c"));
  expect(registers.get("a")).not.toBe(registers.get("b"));
});
