import { InvalidArgumentError } from "commander";
import { expect, it } from "vitest";
import { everyone, listContenders } from "./contenders.ts";
import {
  parseCount,
  parseCounts,
  parseDelay,
  parseMachines,
  parseModels,
  parseRate,
  parseSeconds,
  parseWho,
} from "./options.ts";

it("reads lists, once each", () => {
  expect(parseCounts("1,2, 4,2")).toEqual([1, 2, 4]);
  expect(parseWho("jax-js,shardgrad-wasm")).toEqual(["jax-js", "shardgrad-wasm"]);
  expect(parseModels("lenet5,mlp-tiny").map(({ name }) => name)).toEqual(["lenet5", "mlp-tiny"]);
  expect(parseSeconds("0.5")).toBe(0.5);
  expect([parseMachines("2"), parseRate("10gbit"), parseDelay("5ms")]).toEqual([2, 1e10, 5e-3]);
});

it.each([
  ["no number", () => parseCount("many")],
  ["zero", () => parseCount("0")],
  ["a fraction", () => parseCounts("1,2.5")],
  ["an empty list", () => parseCounts("")],
  ["an unknown contender", () => parseWho("shardgrad-wasm,numpy")],
  ["an unknown model", () => parseModels("mlp-huge")],
  ["no time at all", () => parseSeconds("0")],
  ["one machine as several", () => parseMachines("1")],
  ["a rate without a unit", () => parseRate("10")],
  ["a delay without a unit", () => parseDelay("5")],
])("refuses %s", (_, parse) => expect(parse).toThrow(InvalidArgumentError));

it("says what would have fitted", () => {
  expect(() => parseWho("numpy")).toThrow(/There is no "numpy"; expected some of .*shardgrad-blas.*jax-js/);
  expect(() => parseModels("mlp-huge")).toThrow(/There is no model "mlp-huge".*mlp-tiny.*gpt-256/);
});

it("lists whom the machine lacks with the reason", () => {
  const surroundings = {
    cores: 4,
    pytorch: { reason: "no PyTorch" },
    jax: { reason: "no JAX" },
    noNative: "no AVX2",
    noBlas: "no BLAS",
    noRivals: undefined,
  };
  const listed = listContenders(everyone, [1, 2], surroundings);
  const told = listed.map(({ who, workers, launch }) => [who, workers, "reason" in launch && launch.reason]);
  expect(told).toEqual([
    ["shardgrad-native", 1, "no AVX2"],
    ["shardgrad-native", 2, "no AVX2"],
    ["shardgrad-blas", 1, "no BLAS"],
    ["shardgrad-blas", 2, "no BLAS"],
    ["shardgrad-wasm", 1, false],
    ["shardgrad-wasm", 2, false],
    ["shardgrad-wasm-plain", 1, false],
    ["shardgrad-wasm-plain", 2, false],
    ["pytorch-1t", 1, "no PyTorch"],
    ["pytorch-nt", 4, "no PyTorch"],
    ["pytorch-ddp", 4, "no PyTorch"],
    ["pytorch-compile", 4, "no PyTorch"],
    ["jax", 4, "no JAX"],
    ["tfjs-wasm", 1, false],
    ["jax-js", 1, false],
  ]);
});
