import { Adagrad, Linear, SGD } from "@shardgrad/core";
import { Storage } from "@shardgrad/core/engine";
import { expect, it } from "vitest";
import { alone } from "./arrays/machines.ts";
import { bindModel } from "./bind-model.ts";
import { planLayout } from "./layout.ts";

const allocate = (bytes: number) => Storage.allocate(bytes, "layout test");
const sizes = {
  workers: 1,
  machines: alone(1),
  shards: 1,
  shardSize: 1,
  addsUp: true,
  overlaps: false,
  metricBytes: 0,
  epochs: 1,
  cells: 0,
};

it("shares every state that any parameter group has, and keeps where it starts", () => {
  const model = new Linear(3, 2);
  const [weight, bias] = model.parameters() as [(typeof model)["weight"], (typeof model)["weight"]];
  const groups = new SGD([{ params: [weight] }, { params: [bias], momentum: 0.9 }], { lr: 0.1 });
  const layout = planLayout(model, groups, sizes, allocate);
  expect(layout.state.map(({ name }) => name)).toEqual(["velocity"]);
  bindModel(model, groups, layout, "copy");
  expect(groups.state[1]!.velocity!.address).toBe(layout.state[0]!.address + 64);

  const adagrad = new Adagrad([weight, bias], { initialAccumulatorValue: 0.5 });
  const other = planLayout(model, adagrad, sizes, allocate);
  bindModel(model, adagrad, other, "copy");
  expect([...adagrad.state[1]!.sum!.data()]).toEqual([0.5, 0.5]);
});
