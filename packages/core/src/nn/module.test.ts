// State dicts, buffers, modules with other signatures, conversion and summaries. How parameters are named is in nn.test.ts.
import { describe, expect, test } from "vitest";
import { noGrad } from "../autograd/define-op.ts";
import { ValueError } from "../errors.ts";
import { add, mul } from "../ops/arithmetic/arithmetic.ts";
import { ones, randn, tensor, zeros } from "../ops/create/create.ts";
import { sum } from "../ops/shape/broadcast.ts";
import { currentGenerator } from "../random.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";
import { checkGrad } from "../testing.ts";
import { GELU, ReLU, Softmax } from "./activations.ts";
import { MultiHeadAttention } from "./attention.ts";
import { Dropout } from "./dropout.ts";
import { Embedding } from "./embedding.ts";
import { Linear } from "./linear.ts";
import type { AnyModule } from "./module.ts";
import { buffer, Module, parameter } from "./module.ts";
import { BatchNorm1d, LayerNorm } from "./normalization.ts";
import { LSTM } from "./recurrent.ts";
import { Sequential } from "./sequential.ts";

/** Two inputs, one of them optional, and two results: nothing that Module's own signature foresees. */
class Gate extends Module<[x: Tensor, bias?: Tensor], [Tensor, Tensor]> {
  readonly linear = new Linear(2, 2);
  readonly steps = buffer(tensor([3], { dtype: "int32" }));
  readonly self = this;
  readonly tied = [this.linear.weight];
  readonly scratch = ones([5]);

  forward(x: Tensor, bias?: Tensor): [Tensor, Tensor] {
    const y = this.linear.forward(x);
    return [bias ? add(y, bias) : y, x];
  }
}

class Holder extends Module {
  readonly held: unknown;

  constructor(held: unknown) {
    super();
    this.held = held;
  }

  forward(x: Tensor): Tensor {
    return x;
  }
}

describe("state", () => {
  test("stateDict has parameters, frozen ones too, and buffers, under all of their names", () => {
    const gate = new Gate();
    gate.linear.bias!.requiresGrad = false;
    expect([...gate.stateDict().keys()]).toEqual(["linear.weight", "linear.bias", "steps", "tied.0"]);
    expect(gate.stateDict().get("tied.0")).toBe(gate.linear.weight);
    expect(gate.namedParameters().map(([name]) => name)).toEqual(["linear.weight", "linear.bias"]);
    expect(gate.namedBuffers()).toEqual([["steps", gate.steps]]);
    const all = ["linear.weight", "linear.bias", "steps", "scratch"];
    expect(gate.namedTensors().map(([name]) => name)).toEqual(all);
  });

  test.each<[message: string, holder: unknown]>([
    ["Holder: held is a Map, in which parameters are not found", new Map([["a", new Linear(1, 1)]])],
    ["Holder: held is a Set, in which parameters are not found", new Set([parameter(ones([1]))])],
    ["Holder: held.0 is a Map, in which", [new Map([["a", buffer(ones([1]))]])]],
  ])("parameters are not lost: %s", (message, holder) => {
    const module = new Holder(holder);
    expect(() => module.parameters()).toThrow(ValueError);
    expect(() => module.stateDict()).toThrow(message);
  });

  test("maps and sets of other things are nobody's business", () => {
    expect(new Holder([new Map([["a", ones([1])]]), new Set([1])]).parameters()).toEqual([]);
  });

  test("a frozen parameter stays one, however it was made, and a buffer a buffer", () => {
    const [made, leaf, constant] = [parameter(ones([1])), ones([2], { requiresGrad: true }), ones([3])];
    const state = buffer(ones([4]));
    const holder = new Holder({ made, leaf, constant, state });
    const kinds = () => [
      holder.parameters(),
      holder.namedBuffers().map(([, x]) => x),
      [...holder.stateDict().values()],
    ];
    const expected = [[made, leaf], [state], [made, leaf, state]];
    for (const requiresGrad of [true, false, true]) {
      for (const x of holder.parameters()) x.requiresGrad = requiresGrad;
      expect(holder.parameters().map(({ frozen }) => frozen)).toEqual([!requiresGrad, !requiresGrad]);
      expect(kinds().map((list) => list.map(({ shape }) => shape))).toEqual(
        expected.map((list) => list.map(({ shape }) => shape)),
      );
    }
    state.requiresGrad = true;
    constant.requiresGrad = false;
    expect(holder.parameters()).toHaveLength(2);
    expect(constant.frozen).toBe(false);
  });

  test("buffers survive scopes and are not trained", () => {
    const gate = scope(() => new Gate());
    expect(gate.steps.alive).toBe(true);
    expect(gate.steps.requiresGrad).toBe(false);
    const tracked = mul(gate.linear.weight, 2);
    expect(() => buffer(tracked)).toThrow(/^buffer: got a tensor that gradients flow to/);
    expect(() => parameter(tensor([1], { dtype: "int32" }))).toThrow(/^parameter: x is int32/);
  });

  test("modules are listed once, with their names, depth first, also if they hold themselves", () => {
    const net = new Sequential(new Linear(1, 1), new Sequential(new ReLU()));
    expect(net.namedModules().map(([name, module]) => [name, module.constructor.name])).toEqual([
      ["", "Sequential"],
      ["0", "Linear"],
      ["1", "Sequential"],
      ["1.0", "ReLU"],
    ]);
    const gate = new Gate();
    expect(gate.modules()).toEqual([gate, gate.linear]);
  });
});

describe("loadStateDict", () => {
  const make = () => new Sequential(new Linear(2, 3), new BatchNorm1d(3));

  test("copies values, from a map or a record, of any float dtype", () => {
    const [a, b, c] = [make(), make(), make()];
    a.forward(randn([4, 2]));
    expect(b.loadStateDict(a.stateDict())).toEqual({ missing: [], unexpected: [] });
    const wide = make().double();
    wide.loadStateDict(a.stateDict());
    c.loadStateDict(Object.fromEntries(wide.stateDict()));
    for (const [name, x] of a.stateDict()) {
      for (const other of [b, c]) {
        expect(other.stateDict().get(name)!.toArray()).toEqual(x.toArray());
        expect(other.stateDict().get(name)).not.toBe(x);
      }
    }
    expect(c.stateDict().get("1.numBatchesTracked")!.item()).toBe(1);
  });

  test("takes PyTorch's names", () => {
    const net = new BatchNorm1d(2);
    net.loadStateDict({
      weight: ones([2]),
      bias: ones([2]),
      running_mean: tensor([1, 2]),
      running_var: ones([2]),
      num_batches_tracked: tensor(7, { dtype: "int32" }),
    });
    expect(Array.from(net.runningMean!.toArray())).toEqual([1, 2]);
    const lstm = new LSTM(1, 1, { bidirectional: true });
    const torch = ["", "_reverse"].flatMap((end) =>
      ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((name) => [
        `${name}_l0${end}`,
        name.startsWith("b") ? ones([4]) : ones([4, 1]),
      ]),
    );
    lstm.loadStateDict(Object.fromEntries(torch));
    expect(lstm.weights.biasHhL0Reverse!.toArray()).toEqual(ones([4]).toArray());
    const attention = new MultiHeadAttention(2, 1);
    attention.loadStateDict({
      in_proj_weight: ones([6, 2]),
      in_proj_bias: ones([6]),
      "out_proj.weight": ones([2, 2]),
      "out_proj.bias": ones([2]),
    });
    expect(attention.outProj.bias!.toArray()).toEqual(ones([2]).toArray());
  });

  test("a tensor with two names may come under either", () => {
    const gate = new Gate();
    const state = gate.stateDict();
    state.delete("tied.0");
    expect(new Gate().loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
  });

  test("says what differs, and loads nothing then", () => {
    const net = make();
    const before = net.parameters().map((x) => x.toArray());
    const state = new Map<string, Tensor>([
      ["0.weight", ones([3, 2])],
      ["0.bias", ones([4])],
      ["extra", ones([1])],
    ]);
    expect(() => net.loadStateDict(state)).toThrow(
      "loadStateDict: 0.bias has shape [4], expected [3]; missing: 1.weight, 1.bias, 1.runningMean, 1.runningVar, 1.numBatchesTracked; not in the module: extra; ",
    );
    expect(() => net.loadStateDict(state, { strict: false })).toThrow(
      /^loadStateDict: 0.bias has shape \[4\], expected \[3\]; build/,
    );
    expect(net.parameters().map((x) => x.toArray())).toEqual(before);
    state.delete("0.bias");
    const { missing, unexpected } = net.loadStateDict(state, { strict: false });
    expect([missing.length, unexpected]).toEqual([6, ["extra"]]);
    expect(net.parameters()[0]!.toArray()).toEqual(ones([3, 2]).toArray());
  });
});

test("double converts parameters and buffers of floats in place, and gradients can be checked", () => {
  const net = new Sequential(
    new Linear(2, 3),
    new LayerNorm(3),
    new GELU(),
    new BatchNorm1d(3),
    new Softmax(),
  );
  const weight = net.parameters()[0]!;
  const values = Array.from(weight.toArray());
  expect(net.double()).toBe(net);
  expect(net.parameters()[0]).toBe(weight);
  expect(Array.from(weight.toArray())).toEqual(values);
  expect([...net.stateDict().values()].map((x) => x.dtype)).toEqual([...Array(8).fill("float64"), "int32"]);
  const c = randn([4, 3], { dtype: "float64" });
  checkGrad((x) => sum(mul(net.forward(x!), c)), [randn([4, 2], { dtype: "float64" }), ...net.parameters()]);
});

describe("summary", () => {
  test("shows modules, shapes for a sample, and parameters, each once", () => {
    const shared = new Linear(4, 4);
    const net = new Sequential(
      new Linear(3, 4),
      new ReLU(),
      shared,
      shared,
      new Dropout(),
      new BatchNorm1d(4),
    );
    net.parameters()[0]!.requiresGrad = false;
    const before = [...net.stateDict().values()].map((x) => x.toArray());
    const { position } = currentGenerator();
    expect(net.summary([2, 3])).toBe(
      [
        "name  module       output  parameters",
        "-------------------------------------",
        "      Sequential   [2,4]",
        "0     Linear       [2,4]           16",
        "1     ReLU         [2,4]",
        "2     Linear       [2,4]           20",
        "4     Dropout      [2,4]",
        "5     BatchNorm1d  [2,4]            8",
        "-------------------------------------",
        "44 parameters, 12 of them frozen, 176 B",
      ].join("\n"),
    );
    // Nothing was touched: not the state, not the random stream, not the modules.
    expect([...net.stateDict().values()].map((x) => x.toArray())).toEqual(before);
    expect(currentGenerator().position).toBe(position);
    expect(net.modules().map((module) => [module.training, Object.hasOwn(module, "forward")])).toEqual(
      net.modules().map(() => [true, false]),
    );
  });

  test("inputs of any kind, several outputs, and no sample", () => {
    const embedding = new Embedding(5, 2);
    expect(embedding.summary(zeros([3, 4], { dtype: "int32" }))).toContain("Embedding  [3,4,2]          10");
    expect(new Gate().summary(ones([3, 2]), ones([2]))).toMatch(/Gate +\[3,2\] \[3,2\]\n/);
    expect(new LSTM(3, 2).summary([1, 4, 3])).toMatch(/LSTM +\[1,4,2\] \[1,1,2\] \[1,1,2\] +56/);
    expect(new Linear(2, 2).summary()).toMatch(
      /^name {2}module {2}output {2}parameters\n-+\n {6}Linear +6\n/,
    );
  });

  test("an error in forward leaves the modules as they were", () => {
    const net = new Sequential(new Linear(3, 4));
    expect(() => net.summary([2, 5])).toThrow(/^linear: inner sizes differ/);
    expect(net.modules().map((module) => [module.training, Object.hasOwn(module, "forward")])).toEqual([
      [true, false],
      [true, false],
    ]);
  });
});

test("modules of any signature are modules", () => {
  const all: AnyModule[] = [new Gate(), new Linear(1, 1), new MultiHeadAttention(2, 1), new LSTM(1, 1)];
  expect(all.map((module) => module.parameters().length)).toEqual([2, 2, 4, 4]);
  // One whose further inputs are optional goes where a tensor becomes a tensor.
  const attend = new Sequential(new MultiHeadAttention(2, 1));
  expect(noGrad(() => attend.forward(ones([1, 3, 2]))).shape).toEqual([1, 3, 2]);
});
