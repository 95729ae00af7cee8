// @shardgrad/native/measure: what the processor can compute at most, for programs that measure. Not for programs that train
// models: it may change in any version.
import { defineKernel } from "@shardgrad/core/kernels";
import { backends } from "./backends.ts";
import { convention } from "./code/convention.ts";
import { installCode } from "./code/executable-memory.ts";
import { addressOf, functionAt } from "./code/foreign.ts";
import { findNative } from "./find-native.ts";

/** Multiply-adds and nothing else. */
export interface FmaLoop {
  /** `"AVX-512"`, `"AVX2"` or `"NEON"`. */
  readonly description: string;
  /** Vectors that the loop multiplies and adds in each round, independently of each other. */
  readonly chains: number;
  /** Floating-point operations of one round. */
  readonly flopsPerRound: number;
  /** Makes so many rounds, and returns the sum of the chains' first lanes. Each chain goes to 2. */
  run(rounds: number): number;
}

/** The two factors and what else the processor may want. */
const otherRegisters = 4;

/**
 * A loop of fused multiply-adds in registers: no memory, and more independent chains than the instruction takes cycles. So
 * its speed is the most that any kernel reaches on this thread.
 *
 * @throws NativeError as `findNative` does
 */
export function fmaLoop(): FmaLoop {
  const {
    description,
    code: { instructionSet, dispatcher },
  } = findNative();
  const { target, vectorRegisters, compile } = backends[instructionSet];
  const chains = vectorRegisters - otherRegisters;
  const kernel = defineKernel("fma", ["i32", "f32", "f32", "ptr"], (k, rounds, half, one, to) => {
    const sums = Array.from({ length: chains }, () => k.variable("v", k.k(0)));
    const left = k.variable("i32", rounds);
    k.loop(() => {
      for (const sum of sums) k.set(sum, k.madd(sum, half, one));
      k.increase(left, -1);
      return k.gt(left, 0);
    });
    const total = k.variable("v", k.k(0));
    for (const sum of sums) k.set(total, k.add(total, sum));
    k.store(to, total);
  });
  const { code, entries } = compile([kernel]);
  const entry = installCode(code) + entries[convention]!.get(kernel.name)!;
  // Shared memory stays where it is: a list of one kernel, its arguments, the address of no scratch memory, the result.
  const memory = new SharedArrayBuffer(64 + 4 * target.lanes);
  const [list, row] = [new BigInt64Array(memory, 0, 3), new Float64Array(memory, 24, 5)];
  const result = new Float32Array(memory, 64);
  list.set([1n, BigInt(entry), BigInt(addressOf(row))]);
  const [run, at, to] = [functionAt(dispatcher), addressOf(list), addressOf(result)];
  return {
    description,
    chains,
    flopsPerRound: 2 * chains * target.lanes,
    run(rounds) {
      row.set([rounds, 0.5, 1, to, 0]);
      run(at);
      return result[0]!;
    },
  };
}
