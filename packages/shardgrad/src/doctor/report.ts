// The diagnosis as lines of a terminal.
import { digits, ratio } from "../scale/numbers.ts";
import { wrap } from "../wrap.ts";
import type { Findings, Found, Speed } from "./diagnose.ts";
import type { Judgement } from "./judge.ts";
import { gibibytes } from "./judge.ts";

function speedText(speed: Speed | null, cores: number): string {
  if (speed === null) return "not measured";
  const all = cores === 1 ? "" : `, ${digits(speed.all)} on ${cores}`;
  return `${digits(speed.one)} GFLOP/s on one core${all}`;
}

const simdNames: Record<string, string> = {
  "wasm-relaxed": "relaxed SIMD",
  "wasm-plain": "plain SIMD",
  reference: "no SIMD, plain loops",
};

function foundText(found: Found, simd: Findings["simd"], cores: number): string {
  // What to install is advice, which follows if it is worth it.
  if ("reason" in found) return `none: ${found.reason.replace(/; install .*/, "")}`;
  const times =
    found.speed && simd.speed ? `; ${ratio(found.speed.one / simd.speed.one)} times WebAssembly` : "";
  return `${found.name}: ${speedText(found.speed, cores)}${times}`;
}

function rowsOf(found: Findings): [string, string][] {
  const { runtime, processor, simd, native, blas, memory, permissions, env } = found;
  const { cores, present, load } = processor;
  const fused =
    simd.fused === null ? "" : simd.fused ? ", fused multiply-add" : ", multiply-add in two steps";
  const reach = simd.kernels === "reference" ? "" : `, tensors of up to ${simd.memory64 ? 16 : 4} GiB in all`;
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  return [
    [runtime.name, `${runtime.version}, ${runtime.platform}`],
    ["processors", `${cores} of ${present} usable; ${processor.model}; load ${load.toFixed(2)}`],
    [
      "WebAssembly",
      `${simdNames[simd.kernels] ?? simd.kernels}${fused}${reach}: ${speedText(simd.speed, cores)}`,
    ],
    ["machine code", foundText(native, simd, cores)],
    ["BLAS", foundText(blas, simd, cores)],
    [
      "memory",
      `${gibibytes(memory.bytes)}, ${gibibytes(memory.freeBytes)} free; ${memory.tensorBytes === null ? "nothing" : gibibytes(memory.tensorBytes)} of address space reserved for tensors`,
    ],
    [
      "may",
      `${permissions.noThreads === null ? "start threads" : "not start threads"}; ${permissions.writable ? "write" : "not write"} in ${permissions.folder}`,
    ],
    ...(variables.length === 0 ? [] : [["environment", variables.join(" ")] as [string, string]]),
  ];
}

export function doctorLines(found: Findings, { problems, advice }: Judgement, columns: number): string[] {
  const rows = rowsOf(found);
  const width = Math.max(...rows.map(([name]) => name.length)) + 2;
  const table = rows.flatMap(([name, text]) =>
    wrap(text, columns - width, "").map((line, i) => (i === 0 ? name : "").padEnd(width) + line),
  );
  return [
    ...table,
    "",
    ...problems.flatMap((line) => wrap(`✗ training cannot run: ${line}`, columns)),
    ...(problems.length === 0 ? ["✓ training can run"] : []),
    ...advice.flatMap((line) => wrap(`→ ${line}`, columns)),
  ];
}
