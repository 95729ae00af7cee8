// Which kernels a choice takes, by what there is: on imaginary machines, as no machine has all of it.
import { builtInKernels } from "@shardgrad/core/engine";
import { expect, it, test, vi } from "vitest";
import { JobError } from "../errors.ts";
import { chooseFrom, describeKernels, tellKernels } from "./run-kernels.ts";

const native = { packageUrl: "file:///native", code: {}, description: "AVX-512" };
const blas = {
  packageUrl: "file:///blas",
  library: "libopenblas.so.0",
  description: "OpenBLAS 0.3.21 (Zen)",
};

/** What there is: a package that finds its kernels, one that fails for a reason, or none. */
const machine = (
  of: { native?: typeof native | string; blas?: typeof blas | string },
  platform: NodeJS.Platform = "linux",
) => {
  const source =
    <T>(name: string, found: T | string | undefined) =>
    async () => {
      if (typeof found === "string") throw new Error(`${name}: ${found}\nand more`);
      return found;
    };
  return { native: source("native", of.native), blas: source("blas", of.blas), platform };
};
const builtIn = builtInKernels();

test.each([
  ["machine code", machine({ native, blas }), { set: "native", native }],
  ["machine code without a BLAS", machine({ native }), { set: "native", native }],
  [
    "the system's BLAS on a Mac, over machine code",
    machine({ native, blas }, "darwin"),
    { set: "blas", native, blas },
  ],
  [
    "a BLAS where machine code does not run",
    machine({ native: "this is arm64", blas }),
    { set: "blas", blas, noNative: "this is arm64" },
  ],
  ["a BLAS where that package is missing", machine({ blas }), { set: "blas", blas }],
  [
    "WebAssembly, with both reasons",
    machine({ native: "switched off", blas: "found none" }),
    { set: builtIn, noNative: "switched off", noBlas: "found none" },
  ],
  ["WebAssembly where nothing is installed", machine({}), { set: builtIn }],
])("auto takes %s", async (_, sources, expected) => {
  expect(await chooseFrom("train", "auto", sources)).toEqual(expected);
});

test("blas takes the library, over machine code if there is some", async () => {
  expect(await chooseFrom("train", "blas", machine({ native, blas }))).toEqual({ set: "blas", native, blas });
  expect(await chooseFrom("train", "blas", machine({ native: "switched off", blas }))).toEqual({
    set: "blas",
    blas,
  });
});

test("native takes machine code, on a Mac, too, and looks for no library", async () => {
  const sources = machine({ native, blas: "must not be asked" }, "darwin");
  expect(await chooseFrom("train", "native", sources)).toEqual({ set: "native", native });
});

test.each(["native", "blas"] as const)("%s is refused where there is none, with the reason", async (name) => {
  const choose = (found: string | undefined) =>
    chooseFrom("evaluate", name, machine(found === undefined ? {} : { [name]: found }));
  await expect(choose("no such thing")).rejects.toThrow(JobError);
  await expect(choose("no such thing")).rejects.toThrow(
    `evaluate: kernels is "${name}", but there is none to use: no such thing`,
  );
  await expect(choose(undefined)).rejects.toThrow(
    `evaluate: kernels is "${name}", but @shardgrad/${name} is not installed; npm install @shardgrad/${name}`,
  );
});

it("a set that does not run here is refused by the name of what was asked for", async () => {
  // As on a runtime without relaxed SIMD.
  vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
  try {
    await expect(chooseFrom("predict", "wasm-relaxed", machine({}))).rejects.toThrow(
      /^predict: kernels: "wasm-relaxed" does not run here; the best that does is "/,
    );
  } finally {
    vi.restoreAllMocks();
  }
});

it("is told to events, and to checkpoints, which name all that decides the bits", () => {
  const kernels = { set: "blas", native, blas } as const;
  expect(tellKernels(kernels)).toEqual({ kernels: "blas", native: "AVX-512", blas: "OpenBLAS 0.3.21 (Zen)" });
  expect(tellKernels({ set: builtIn, noNative: "a", noBlas: "b" })).toEqual({
    kernels: builtIn,
    noNative: "a",
    noBlas: "b",
  });
  expect(describeKernels(kernels)).toMatchObject({
    kernels: "blas kernels",
    native: "machine code for AVX-512",
    blas: "OpenBLAS 0.3.21 (Zen)",
  });
  expect(describeKernels({ set: "native", native })).not.toEqual(describeKernels({ set: builtIn }));
});
