// Each optimizer against PyTorch, and what all of them share. Their kernels are compared in kernels/kernels.test.ts.
import { describe, expect, it } from "vitest";
import { DTypeError, GradientError, ValueError } from "../errors.ts";
import { mul } from "../ops/arithmetic/arithmetic.ts";
import { tensor, zeros } from "../ops/create/create.ts";
import { transpose } from "../ops/shape/shape.ts";
import type { Tensor } from "../tensor.ts";
import { Adagrad } from "./adagrad.ts";
import { Adam, AdamW } from "./adam.ts";
import { Adamax } from "./adamax.ts";
import type { ParametersOrGroups } from "./groups.ts";
import { Lion } from "./lion.ts";
import { NAdam } from "./nadam.ts";
import type { Optimizer } from "./optimizer.ts";
import { RMSProp } from "./rms-prop.ts";
import { SGD } from "./sgd.ts";

const classes = { SGD, Adam, AdamW, RMSProp, Adagrad, NAdam, Adamax, Lion };
type Make = (parameters: ParametersOrGroups<object>, options?: object) => Optimizer;
const make = (name: string, options: object): ((parameters: readonly Tensor[]) => Optimizer) => {
  const Class = classes[name as keyof typeof classes] as unknown as new (
    ...args: Parameters<Make>
  ) => Optimizer;
  return (parameters) => new Class(parameters, options);
};

/** Every optimizer with options that take every path through its kernel. */
const variants: readonly [name: string, options: object][] = [
  ["SGD", {}],
  ["SGD", { lr: 0.1, momentum: 0.9 }],
  ["SGD", { lr: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.05 }],
  ["SGD", { lr: 0.1, momentum: 0.8, nesterov: true, weightDecay: 0.01 }],
  ["Adam", {}],
  ["Adam", { lr: 0.05, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.1 }],
  ["AdamW", {}],
  ["AdamW", { lr: 0.05, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.1 }],
  ["RMSProp", {}],
  ["RMSProp", { lr: 0.05, alpha: 0.9, eps: 1e-3, weightDecay: 0.1 }],
  ["RMSProp", { lr: 0.05, alpha: 0.9, momentum: 0.7 }],
  ["RMSProp", { lr: 0.05, alpha: 0.9, centered: true }],
  ["RMSProp", { lr: 0.05, alpha: 0.9, centered: true, momentum: 0.7, weightDecay: 0.1 }],
  ["Adagrad", {}],
  ["Adagrad", { lr: 0.05, lrDecay: 0.2, weightDecay: 0.1, initialAccumulatorValue: 0.5, eps: 1e-3 }],
  ["NAdam", {}],
  ["NAdam", { lr: 0.05, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.1, momentumDecay: 0.1 }],
  ["Adamax", {}],
  ["Adamax", { lr: 0.05, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.1 }],
  ["Lion", {}],
  ["Lion", { lr: 0.05, betas: [0.8, 0.95], weightDecay: 0.1 }],
];

/** The gradient of the problem below at step `t` for element `i` of weight `w`. */
const gradientAt = (t: number, i: number, w: number): number => Math.sin(1 + 3 * t + i) + 0.1 * w;
const start = [1, -2, 0.5, 3, -0.25];

/** The weights after five steps. */
function run(optimizerOf: (parameters: readonly Tensor[]) => Optimizer): number[] {
  const w = tensor(start, { dtype: "float64", requiresGrad: true });
  w.grad = zeros([5], { dtype: "float64" });
  const optimizer = optimizerOf([w]);
  for (let t = 0; t < 5; t++) {
    w.grad.copyFrom([...w.data()].map((value, i) => gradientAt(t, i, value)));
    optimizer.step();
  }
  return [...w.data()];
}

/** The same in PyTorch 1.13.1 (float64), in the order of `variants`. */
const fromPyTorch = [
  [0.9988824854843471, -1.9999303746492951, 0.4993625134632943, 2.9990117008759176, -0.24893486628841482],
  [0.6800608552216648, -1.9534475300555705, 0.4002692701330405, 2.7866685011307486, 0.0032508256426733682],
  [0.615097985509059, -1.9491415977100195, 0.3824407718211566, 2.752117584370192, 0.05519997241197438],
  [0.6717091540510236, -1.9246778152103612, 0.3600547699532802, 2.704441425490452, 0.01970159430294628],
  [0.9979773430754827, -2.000569591978742, 0.4984400931053149, 2.9996911428339237, -0.2484987715855324],
  [0.8835172930088232, -1.9856535905695516, 0.40045900651748934, 2.9161828047460423, -0.1763094214997708],
  [0.9979274051432486, -2.0004695731631004, 0.49841514436923967, 2.9995411457150474, -0.24848631865049084],
  [0.8824145333785774, -1.9739851137067188, 0.41506426014761844, 2.903700187465186, -0.17525642945697611],
  [0.9007909602284989, -2.040774380867752, 0.39333610413691433, 2.9755701458256505, -0.1655758050868621],
  [0.8046087615303092, -2.005780706752135, 0.3020532318278441, 2.8569857329312556, -0.11039262480977592],
  [0.6428868412399787, -2.1584838244809665, 0.17280711024326237, 2.986915897120022, 0.04410935877837815],
  [0.8297496275600302, -2.0717531503364404, 0.3201545896520739, 2.959179525502975, -0.10419161039534426],
  [0.5471858900156146, -2.0543138894543462, 0.07559746347736516, 2.7941701389716957, 0.07611969114895718],
  [0.9899228065297734, -2.0041304300098934, 0.4890424319340673, 2.997604916781186, -0.2414672558716852],
  [0.9539815361429129, -1.9937818880549663, 0.4711272095292607, 2.950905874263531, -0.21662150423824672],
  // 2.15.0 from here on.
  [0.997408546258325, -2.000932263202244, 0.4972350546667279, 2.9991585644578995, -0.2478503710207305],
  [0.9112950405626825, -1.9930494805365742, 0.40891445161392714, 2.9233756720045108, -0.18974638886162995],
  [0.9963618310777893, -2.0012773501942682, 0.49733507897824875, 3.0001936414137775, -0.2470342607508966],
  [0.8929238771397251, -2.0014767048739204, 0.41677622538779735, 2.957511142778844, -0.17721673500612614],
];

it.each(fromPyTorch.map((expected, row) => [...variants[row]!, expected] as const))(
  "%s with %o steps as in PyTorch",
  (name, options, expected) => {
    run(make(name, options)).forEach((weight, i) => {
      expect(weight).toBeCloseTo(expected[i]!, 12);
    });
  },
);

it.each(variants.filter(([name]) => name === "Lion"))(
  "%s with %o steps as its authors' program",
  (name, options) => {
    const {
      lr = 1e-4,
      betas = [0.9, 0.99],
      weightDecay = 0,
    } = options as { lr?: number; betas?: number[]; weightDecay?: number };
    const expected = start.map((initial, i) => {
      let [w, m] = [initial, 0];
      for (let t = 0; t < 5; t++) {
        const g = gradientAt(t, i, w);
        w *= 1 - lr * weightDecay;
        w -= lr * Math.sign(m * betas[0]! + g * (1 - betas[0]!));
        m = m * betas[1]! + g * (1 - betas[1]!);
      }
      return w;
    });
    run(make(name, options)).forEach((weight, i) => {
      expect(weight).toBeCloseTo(expected[i]!, 12);
    });
  },
);

/** Weights and all state after three steps of `n` elements, updated in pieces that end at `cuts`. */
function bitsOf(
  optimizerOf: (parameters: readonly Tensor[]) => Optimizer,
  n: number,
  cuts: readonly number[],
): number[] {
  const values = (salt: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898 + salt));
  const w = tensor(values(0), { requiresGrad: true });
  w.grad = zeros([n]);
  const optimizer = optimizerOf([w]);
  for (let t = 1; t <= 3; t++) {
    w.grad.copyFrom(values(t));
    optimizer.advance();
    [...cuts, n].forEach((to, piece) => {
      optimizer.update(0, cuts[piece - 1] ?? 0, to);
    });
  }
  return [w, ...Object.values(optimizer.state[0]!)].flatMap((tensor) => [...tensor.data()]);
}

it.each(variants)("%s with %o gives the same bits however its updates are cut", (name, options) => {
  const whole = bitsOf(make(name, options), 129, []);
  const everywhere = Array.from({ length: 128 }, (_, i) => i + 1);
  for (const cuts of [[1], [5, 6, 64], [3, 40, 41, 100], [128], everywhere]) {
    expect(bitsOf(make(name, options), 129, cuts)).toEqual(whole);
  }
});

it("centred RMSProp stays finite where a constant gradient leaves no variance", () => {
  const w = tensor([1], { requiresGrad: true });
  w.grad = tensor([0.1]);
  const optimizer = new RMSProp([w], { centered: true, alpha: 0.5 });
  for (let t = 0; t < 100; t++) optimizer.step();
  expect(w.item()).toBeLessThan(1);
});

describe("groups", () => {
  const weights = (): [Tensor, Tensor, Tensor] => {
    const all = [1, 2, 3].map((value) => tensor([value, -value], { requiresGrad: true }));
    for (const w of all) w.grad = tensor([0.5, 0.25]);
    return all as [Tensor, Tensor, Tensor];
  };

  it("step as optimizers of their own, with the options not named taken from the optimizer's", () => {
    const [a, b, c] = weights();
    const grouped = new Adam(
      [
        { params: [a, b], lr: 0.1 },
        { params: [c], betas: [0.5, 0.6], weightDecay: 0.2 },
      ],
      {
        lr: 0.3,
        eps: 1e-4,
      },
    );
    const [a2, b2, c2] = weights();
    const alone = [
      new Adam([a2, b2], { lr: 0.1, eps: 1e-4 }),
      new Adam([c2], { lr: 0.3, betas: [0.5, 0.6], weightDecay: 0.2, eps: 1e-4 }),
    ];
    for (let t = 0; t < 3; t++) for (const optimizer of [grouped, ...alone]) optimizer.step();
    expect(grouped.parameters).toEqual([a, b, c]);
    expect([a, b, c].map((w) => [...w.data()])).toEqual([a2, b2, c2].map((w) => [...w.data()]));
  });

  it("have state of their own kind", () => {
    const [a, b] = weights();
    const optimizer = new SGD([{ params: [a] }, { params: [b], momentum: 0.9 }], { lr: 0.1 });
    expect(optimizer.state.map((state) => Object.keys(state))).toEqual([[], ["velocity"]]);
    for (let t = 0; t < 2; t++) optimizer.step();
    expect([...a.data(), ...b.data()]).toEqual([0.9, -1.05, 1.855, -2.0725].map(Math.fround));
  });

  it("may be of different dtypes", () => {
    const a = tensor([1], { requiresGrad: true });
    const b = tensor([1], { requiresGrad: true, dtype: "float64" });
    [a.grad, b.grad] = [tensor([0.1]), tensor([0.1], { dtype: "float64" })];
    new SGD([a, b], { lr: 0.1 }).step();
    expect([a.item(), b.item()]).toEqual([Math.fround(0.99), 0.99]);
  });
});

describe("learning rate", () => {
  const one = (): Tensor => {
    const w = tensor([0], { requiresGrad: true, dtype: "float64" });
    w.grad = tensor([1], { dtype: "float64" });
    return w;
  };

  it("follows a schedule, which sees the number of updates done", () => {
    const w = one();
    const seen: number[] = [];
    const optimizer = new SGD([w], {
      lr: (step) => {
        seen.push(step);
        return 10 ** -step;
      },
    });
    for (let t = 0; t < 3; t++) {
      optimizer.step();
      expect(optimizer.lr).toBe(10 ** -t);
    }
    expect(w.item()).toBeCloseTo(-1.11, 12);
    expect([...new Set(seen)]).toEqual([0, 1, 2]);
  });

  it("may be changed between steps, for all groups or for one", () => {
    const [a, b] = [one(), one()];
    const optimizer = new SGD([{ params: [a] }, { params: [b] }], { lr: 1 });
    optimizer.step();
    optimizer.lr = 0.5;
    optimizer.step();
    optimizer.paramGroups[1]!.lr = () => 0.25;
    optimizer.step();
    expect([a.item(), b.item()]).toEqual([-2, -1.75]);
    expect(() => {
      optimizer.lr = Number.NaN;
    }).toThrow(ValueError);
    expect(optimizer.lr).toBe(0.5);
  });

  it("of a schedule that leaves the numbers is refused, with its step", () => {
    const optimizer = new SGD([one()], { lr: (step) => 1 / (1 - step) });
    optimizer.step();
    expect(() => optimizer.step()).toThrow(/lr at step 1 is Infinity/);
  });
});

describe("mistakes", () => {
  const w = tensor(
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
    { requiresGrad: true },
  );

  it.each<[string, object, RegExp]>([
    ["SGD", { lr: -1 }, /lr is -1/],
    ["SGD", { momentum: -0.1 }, /momentum is -0.1/],
    ["SGD", { nesterov: true }, /nesterov with momentum 0/],
    ["SGD", { nesterov: true, momentum: 0.9, dampening: 0.1 }, /dampening 0.1/],
    ["SGD", { dampening: Number.NaN }, /dampening is NaN/],
    ["Adam", { betas: [1, 0.9] }, /betas\[0\] is 1/],
    ["Adam", { betas: [0.9, -1] }, /betas\[1\] is -1/],
    ["AdamW", { eps: -1 }, /eps is -1/],
    ["AdamW", { weightDecay: Infinity }, /weightDecay is Infinity/],
    ["RMSProp", { alpha: 1 }, /alpha is 1/],
    ["Adagrad", { lrDecay: -1 }, /lrDecay is -1/],
    ["Adagrad", { initialAccumulatorValue: -1 }, /initialAccumulatorValue is -1/],
    ["Adamax", { eps: -1 }, /eps is -1/],
    ["Lion", { betas: [0.9, 2] }, /betas\[1\] is 2/],
    ["Lion", { weight_decay: 0.1 }, /Lion: there is no option "weight_decay"; it is called weightDecay here/],
  ])("%s with %o", (name, options, message) => {
    expect(() => make(name, options)([w])).toThrow(ValueError);
    expect(() => make(name, options)([w])).toThrow(message);
  });

  it.each<[string, readonly Tensor[], new (message: string) => Error, RegExp]>([
    ["no parameters", [], ValueError, /no parameters/],
    ["a parameter twice", [w, w], ValueError, /parameters 0 and 1 are the same/],
    ["a computed parameter", [mul(w, 2)], ValueError, /parameter 0 .* computed by mul; expected a leaf/],
    ["integers", [tensor([1], { dtype: "int32" })], DTypeError, /int32/],
  ])("%s", (_, parameters, type, message) => {
    expect(() => new SGD(parameters)).toThrow(type);
    expect(() => new SGD(parameters)).toThrow(message);
  });

  it("a strided parameter", () => {
    const view = transpose(
      tensor([
        [1, 2],
        [3, 4],
      ]),
    );
    expect(() => new SGD([view])).toThrow(/parameter 0 .* is a view that is not contiguous/);
  });

  it("no gradient, or one that does not fit", () => {
    const optimizer = new SGD([w]);
    expect(() => optimizer.step()).toThrow(GradientError);
    expect(() => optimizer.step()).toThrow(/parameter 0 \(shape \[2,3\]\) has no gradient/);
    w.grad = zeros([3, 2]);
    expect(() => optimizer.step()).toThrow(/gradient of shape \[3,2\]/);
    w.grad = transpose(zeros([3, 2]));
    expect(() => optimizer.step()).toThrow(/contiguous/);
    w.grad = null;
  });
});
