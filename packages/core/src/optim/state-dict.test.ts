// A run that is saved and loaded goes on with the same bits, and what does not fit is refused by name.
import { describe, expect, it } from "vitest";
import { ValueError } from "../errors.ts";
import { tensor, zeros } from "../ops/create/create.ts";
import type { Tensor } from "../tensor.ts";
import { Adam } from "./adam.ts";
import type { Optimizer } from "./optimizer.ts";
import { cosineSchedule } from "./schedules.ts";
import { SGD } from "./sgd.ts";
import type { OptimizerStateDict } from "./state-dict.ts";

const weights = (): Tensor[] => [
  tensor(
    [
      [1, -2],
      [0.5, 3],
    ],
    { requiresGrad: true },
  ),
  tensor([0.25], { requiresGrad: true }),
];

/** Steps with gradients that differ from step to step. */
function steps(optimizer: Optimizer, from: number, to: number): number[][] {
  for (let t = from; t < to; t++) {
    for (const w of optimizer.parameters) {
      w.grad = tensor(
        Float32Array.from(w.data(), (x, i) => Math.sin(t + i) + x),
        { shape: w.shape },
      );
    }
    optimizer.step();
  }
  return optimizer.parameters.map((w) => [...w.data()]);
}

const groups = ([a, b]: Tensor[]) => [{ params: [a!] }, { params: [b!], betas: [0.7, 0.8] as const }];

it.each<[string, (parameters: Tensor[]) => Optimizer]>([
  ["Adam in groups", (parameters) => new Adam(groups(parameters), { lr: 0.1, weightDecay: 0.1 })],
  ["SGD with dampening", (parameters) => new SGD(parameters, { lr: 0.1, momentum: 0.9, dampening: 0.5 })],
  ["a schedule", (parameters) => new SGD(parameters, { lr: cosineSchedule({ lr: 0.5, steps: 6 }) })],
])("%s: interrupted equals uninterrupted", (_, make) => {
  const uninterrupted = steps(make(weights()), 0, 6);
  const before = make(weights());
  steps(before, 0, 3);
  const after = make(weights());
  steps(after, 50, 51);
  after.parameters.forEach((w, i) => {
    w.copyFrom(before.parameters[i]!);
  });
  after.loadStateDict(before.stateDict());
  expect(steps(after, 3, 6)).toEqual(uninterrupted);
});

it("takes over options, and copies tensors", () => {
  const before = new Adam(weights(), { lr: 0.5, eps: 1e-3, weightDecay: 0.1 });
  steps(before, 0, 2);
  const dict = before.stateDict();
  expect(dict).toMatchObject({
    name: "Adam",
    stepCount: 2,
    paramGroups: [{ params: [0, 1], lr: 0.5, betas: [0.9, 0.999], eps: 1e-3, weightDecay: 0.1 }],
  });
  const after = new Adam(weights());
  after.loadStateDict(dict);
  expect(after.stateDict()).toMatchObject({ stepCount: 2, paramGroups: dict.paramGroups });
  expect(after.state[0]!.m).not.toBe(before.state[0]!.m);
  expect(after.state[0]!.m!.toArray()).toEqual(before.state[0]!.m!.toArray());
});

describe("refuses", () => {
  const own = (): Adam => new Adam(weights(), { lr: 0.5 });
  type Change = (dict: OptimizerStateDict) => object;
  const withState = (change: (state: Record<string, Tensor>) => object): Change => {
    return ({ state }) => ({ state: [change({ ...state[0]! }), state[1]!] });
  };

  it.each<[string, Change, RegExp]>([
    ["another optimizer", () => ({ name: "SGD" }), /does not fit the Adam at hand: it is of SGD/],
    ["a broken count", () => ({ stepCount: -1 }), /stepCount is -1/],
    ["other groups", () => ({ paramGroups: [] }), /groups hold parameters \[\], expected \[\[0,1\]\]/],
    ["fewer parameters", ({ state }) => ({ state: state.slice(1) }), /state for 1 parameters, expected 2/],
    ["a missing state", withState(({ v }) => ({ v })), /parameter 0 lacks state m/],
    [
      "an unknown state",
      withState((state) => ({ ...state, x: state.m! })),
      /parameter 0 has an unknown state x/,
    ],
    [
      "another shape",
      withState((state) => ({ ...state, m: zeros([3]) })),
      /state m is \[3\] float32, expected \[2,2\] float32/,
    ],
    [
      "another dtype",
      withState((state) => ({ ...state, m: zeros([2, 2], { dtype: "float64" }) })),
      /state m is \[2,2\] float64/,
    ],
    ["no tensor", withState((state) => ({ ...state, m: 3 })), /state m is no tensor/],
    [
      "a missing option",
      ({ paramGroups: [group] }) => {
        const { weightDecay: _, ...others } = group!;
        return { paramGroups: [others] };
      },
      /group 0 lacks option weightDecay/,
    ],
    [
      "an unknown option",
      ({ paramGroups: [group] }) => ({ paramGroups: [{ ...group, x: 1 }] }),
      /unknown option x/,
    ],
    [
      "an option out of range",
      ({ paramGroups: [group] }) => ({ paramGroups: [{ ...group, eps: -1 }] }),
      /eps is -1/,
    ],
  ] as [string, Change, RegExp][])("%s, and changes nothing", (_, change, message) => {
    const other = own();
    steps(other, 0, 2);
    const target = own();
    const dict = { ...other.stateDict(), ...change(other.stateDict()) } as OptimizerStateDict;
    expect(() => target.loadStateDict(dict)).toThrow(ValueError);
    expect(() => target.loadStateDict(dict)).toThrow(message);
    expect(target.stepCount).toBe(0);
    expect([...target.state[0]!.m!.data()]).toEqual([0, 0, 0, 0]);
  });

  it("the state of other options", () => {
    const [plain, moving] = [new SGD(weights()), new SGD(weights(), { momentum: 0.9 })];
    expect(() => moving.loadStateDict(plain.stateDict())).toThrow(/parameter 0 lacks state velocity/);
    expect(() => plain.loadStateDict(moving.stateDict())).toThrow(
      /parameter 0 has an unknown state velocity/,
    );
  });
});
