import { expect, it } from "vitest";
import { findFault } from "./check-network.ts";
import { zooModel } from "./zoo.ts";

const { network } = zooModel("mlp-tiny");
const reference = { parameters: 23_860, losses: [2.32, 2.28, 2.24], msPerStep: 1, version: "" };

it("accepts the same network, to rounding", () => {
  const losses = reference.losses.map((loss) => loss * 1.000_05);
  expect(findFault(network, { ...reference, losses }, reference)).toBeUndefined();
});

it.each([
  ["a layer less", { parameters: 23_550 }, /another network: 23550 parameters, expected 23860/],
  [
    "another optimizer",
    { losses: [2.32, 2.28, 2.241] },
    /another network: losses .* 2.24100, expected .* 2.24000/,
  ],
  ["no losses at all", { losses: [] }, /another network/],
  ["losses that are no numbers", { losses: [2.32, Number.NaN, 2.24] }, /another network/],
])("refuses %s", (_, change, message) => {
  expect(findFault(network, { ...reference, ...change }, reference)).toMatch(message);
});

it("refuses a reference that is wrong itself", () => {
  const far = { ...reference, losses: [5, 4, 3] };
  expect(findFault(network, far, far)).toMatch(/starts with a loss of 5.000, expected about .* 2.303/);
  const still = { ...reference, losses: [2.3, 2.3, 2.3] };
  expect(findFault(network, still, still)).toMatch(/does not learn/);
});
