// Reads many damaged and hostile safetensors files: node scripts/fuzz-safetensors.ts [inputs] [seed] A million by
// default, which takes minutes. Shrinks and shows an input that breaks a rule.
import fc from "fast-check";
import { hostile } from "./safetensors-inputs.ts";
import { check } from "./safetensors-judge.ts";

const numRuns = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? 1);
const ends = { valid: 0, unreadable: 0, invalid: 0 };
const start = performance.now();

fc.assert(
  fc.property(hostile, (bytes) => {
    ends[check(bytes)]++;
  }),
  { numRuns, seed },
);

const seconds = ((performance.now() - start) / 1000).toFixed(0);
console.log(
  `${numRuns} inputs in ${seconds} s: ${ends.valid} valid, ${ends.unreadable} valid but unreadable, ${ends.invalid} refused`,
);
