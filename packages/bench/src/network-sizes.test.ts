// Compares the formulas with the networks: parameters one by one, and every product of a training step.
import { grad, manualSeed, scope, tensor } from "@shardgrad/core";
import type { Kernels } from "@shardgrad/core/engine";
import { convolutionKernels, linearKernels } from "@shardgrad/core/engine";
import { afterEach, describe, expect, it, vi } from "vitest";
import { buildNetwork } from "./jobs/networks.ts";
import { zooJob } from "./jobs/zoo-job.ts";
import { parameterCount, stepFlops } from "./network-sizes.ts";
import { syntheticData } from "./synthetic-data.ts";
import { zoo, zooModel } from "./zoo.ts";

afterEach(() => void vi.restoreAllMocks());

/** Counts the operations of all product kernels during a call. */
function countFlops(): { flops: number } {
  const counted = { flops: 0 };
  const note = (kernels: Partial<Kernels>, name: keyof Kernels, flops: (args: number[]) => number) => {
    const table = kernels as Record<string, (...args: number[]) => unknown>;
    const call = table[name]!;
    vi.spyOn(table, name).mockImplementation((...args) => {
      counted.flops += flops(args);
      return call(...args);
    });
  };
  note(linearKernels("float32"), "gemm", ([batch, m, n, k]) => 2 * batch! * m! * n! * k!);
  const convolution = ([n, groups, c, , , o, kh, kw, oh, ow]: number[]) =>
    2 * n! * groups! * o! * oh! * ow! * c! * kh! * kw!;
  for (const name of ["convolve", "convolveInput", "convolveWeight"] as const) {
    note(convolutionKernels("float32"), name, convolution);
  }
  return counted;
}

describe.each(zoo)("$name", (model) => {
  it("has as many parameters as the formula says", () => {
    manualSeed(0);
    const sizes = buildNetwork(model.network)
      .parameters()
      .map(({ size }) => size);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(parameterCount(model.network));
  });

  it("computes as many products as the formula says", () => {
    const small = { ...model, batch: 2 };
    const { x, y } = syntheticData(small, 1);
    const dtype = model.network.kind === "gpt" ? "int32" : "float32";
    const batch = {
      x: tensor(x.data, { shape: [2, ...x.shape], dtype }),
      y: tensor(y.data, { shape: [2, ...y.shape], dtype: "int32" }),
    };
    const network = buildNetwork(model.network);
    const { loss } = zooJob(model.name, import.meta.url);
    const counted = countFlops();
    scope(() => void grad(loss(network, batch), network.parameters()));
    expect(counted.flops).toBe(stepFlops(model.network, 2));
  });
});

it("knows the sizes that can be looked up", () => {
  expect(zoo.map(({ network }) => parameterCount(network))).toEqual([
    23_860, 235_146, 1_863_690, 61_706, 818_241, 4_805_185,
  ]);
  // 784·30 twice, 30·10 three times.
  expect(stepFlops(zooModel("mlp-tiny").network, 64)).toBe(64 * 2 * (2 * 784 * 30 + 3 * 30 * 10));
});

it("draws the same data however many batches there are", () => {
  for (const name of ["mlp-tiny", "char-gpt"]) {
    const model = zooModel(name);
    const [one, two] = [syntheticData(model, 1), syntheticData(model, 2)];
    expect(two.x.data.subarray(0, one.x.data.length)).toEqual(one.x.data);
    expect(two.y.data.subarray(0, one.y.data.length)).toEqual(one.y.data);
    expect(new Set(one.y.data).size).toBeGreaterThan(5);
  }
});
