// What the self-check refuses: kernels that do nothing, kernels that are missing, and damaged code.
import { spawnSync } from "node:child_process";
import type { Heap, Kernels } from "@shardgrad/core/engine";
import { kernelDefinitions } from "@shardgrad/core/kernels";
import { describe, expect, it } from "vitest";
import { bindKernels } from "../call/bind-kernels.ts";
import { installRunner } from "../call/runner.ts";
import { installCode } from "../code/executable-memory.ts";
import { codeOf } from "../embedded.ts";
import { libraries } from "../kernel-code.generated.ts";
import { kernelChecks } from "./kernel-checks.ts";
import { selfCheck } from "./self-check.ts";

const runner = process.arch === "x64" ? installRunner() : undefined;
const sets = (["avx2", "avx512"] as const).filter((set) => runner?.best === "avx512" || set === runner?.best);

it("checks some of each family of kernels", () => {
  const checked = new Set(["gemm", ...kernelChecks.map(({ kernel }) => kernel)]);
  const unchecked = Object.entries(kernelDefinitions).filter(
    ([, family]) => !family.some(({ name }) => checked.has(name)),
  );
  expect(unchecked.map(([family]) => family)).toEqual([]);
});

it("refuses kernels without a product, and a product that does nothing", () => {
  expect(selfCheck(() => ({}), [])).toBe("there is no matrix product");
  expect(selfCheck(() => ({ gemm: () => undefined }), [])).toMatch(
    /^a product \(A plain, B plain, D none\) has \S+ where \S+ is right$/,
  );
});

describe.each(sets)("%s", (set) => {
  const { kernels, checks } = libraries[set];
  const code = installCode(codeOf(libraries[set]));
  const bind = (heap: Heap) => bindKernels(kernels, code, heap, runner!.run).kernels;
  const withOther = (name: string, other: (() => void) | undefined) =>
    selfCheck((heap) => ({ ...bind(heap), [name]: other }) as Partial<Kernels>, checks);

  it("passes as it was built", () => {
    expect(selfCheck(bind, checks)).toBeUndefined();
  });

  it("is refused if a checked kernel does nothing, or is not there", () => {
    for (const { kernel } of kernelChecks) {
      expect(withOther(kernel, () => undefined)).toBe(`${kernel} does not compute what its definition says`);
      expect(withOther(kernel, undefined)).toBe(`there is no ${kernel}`);
    }
  });

  it("with one bit of a constant changed is refused", () => {
    const { href } = new URL("../../testing/damage.ts", import.meta.url);
    const module = new URL("../find-native.ts", import.meta.url);
    const program = `import("${module}").then(({ findNative }) => findNative()).catch(({ name, message }) => console.log(name, message))`;
    const env = { ...process.env, SHARDGRAD_NATIVE: set };
    const { stdout } = spawnSync(process.execPath, ["--import", href, "-e", program], {
      env,
      encoding: "utf8",
    });
    expect(stdout).toMatch(
      /^NativeError native: AVX\S+ computes wrongly here: exp does not compute what its definition says\n$/,
    );
  });
});
