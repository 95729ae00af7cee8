// Replays write results over what nobody reads again, with the bits of the function: for each kernel of which that is said,
// and never where somebody could tell.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { grad } from "../autograd/tape.ts";
import { kernelDefinitions } from "../kernels/definitions/index.ts";
import { useKernels } from "../kernels/dispatch.ts";
import type { Definition } from "../kernels/language/definition.ts";
import type { JoinableCall } from "../kernels/provide-kernels.ts";
import { provideKernels } from "../kernels/provide-kernels.ts";
import type { KernelName } from "../kernels/table.ts";
import { build32, emitModule } from "../kernels/wasm/module.ts";
import { instantiate } from "../kernels/wasm.ts";
import { crossEntropy } from "../losses/cross-entropy.ts";
import { heap } from "../memory/heap.ts";
import { hostStep } from "../observer.ts";
import { randn, tensor } from "../ops/create/create.ts";
import * as ops from "../ops/index.ts";
import { manualSeed } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { compile } from "./compile.ts";

/** The calls of the latest replay, with the names of their kernels. */
const replayed: { name: string; args: readonly number[] }[] = [];

beforeAll(() => {
  const definitions = Object.values(kernelDefinitions).flat();
  const kernels = instantiate(heap(), emitModule(definitions, build32(false)));
  const called = new Map<JoinableCall["run"], Definition>();
  const native = definitions.map((definition) => {
    const plain = kernels[definition.name as KernelName] as JoinableCall["run"];
    const run = (...args: number[]) => plain(...args);
    called.set(run, definition);
    return [definition.name, run];
  });
  provideKernels("native", () => ({
    float32: Object.fromEntries(native),
    float64: {},
    joiner: {
      joins: (run) => called.has(run),
      addresses: (run) => called.get(run)!.parameters.flatMap((type, i) => (type === "ptr" ? [i] : [])),
      join: (calls) => ({
        run: () => {
          for (const { run, args } of calls) {
            replayed.push({ name: called.get(run)!.name, args });
            run(...args);
          }
        },
        dispose: () => undefined,
      }),
    },
  }));
  useKernels("native");
});
afterAll(() => void useKernels("auto"));

/** Checks a function's replays, and returns the kernels whose result took the place of an operand. */
function inPlace(f: (x: Tensor) => Tensor | Tensor[], x: Tensor): string[] {
  const numbers = (y: Tensor | Tensor[]) => [y].flat().map((t) => [...t.toArray()]);
  const fast = compile(f);
  for (let call = 0; call < 4; call++) {
    replayed.length = 0;
    manualSeed(call);
    const expected = numbers(f(x));
    manualSeed(call);
    expect(numbers(fast(x))).toEqual(expected);
  }
  const found = replayed.flatMap(({ name, args }) => {
    const at = { maskedSoftmaxGrad: 5, crossEntropyGrad: 9, gelu: 2, geluGrad: 4, dropout: 4 }[name];
    const isBinary = args.length === 9;
    const output = at ?? (isBinary ? 8 : name.endsWith("Grad") ? 3 : 2);
    return args.indexOf(args[output]!) < output ? [name] : [];
  });
  fast.dispose();
  return found;
}

/** A copy that the function owns. */
const own = (x: Tensor) => ops.mul(x, 1.25);
const sample = () => {
  manualSeed(7);
  return randn([7, 37]);
};

describe("a replay computes in place", () => {
  const unary = {
    ...{ neg: ops.neg, abs: ops.abs, sign: ops.sign, square: ops.square, reciprocal: ops.reciprocal },
    ...{ sqrt: ops.sqrt, rsqrt: ops.rsqrt, exp: ops.exp, expm1: ops.expm1, log: ops.log, log1p: ops.log1p },
    ...{ sin: ops.sin, cos: ops.cos, erf: ops.erf, relu: ops.relu, leakyRelu: ops.leakyRelu, elu: ops.elu },
    ...{ softplus: ops.softplus, tanh: ops.tanh, sigmoid: ops.sigmoid, silu: ops.silu, gelu: ops.gelu },
    geluTanh: (x: Tensor) => ops.gelu(x, { approximate: "tanh" }),
    clamp: (x: Tensor) => ops.clamp(x, { min: -0.5, max: 0.5 }),
    dropout: (x: Tensor) => ops.dropout(x, 0.5),
  };
  test.each(Object.entries(unary))("%s", (name, op) => {
    const f = (x: Tensor) => ops.reshape(own(op(own(x))), [-1]);
    expect(inPlace(f, sample())).toContain(name);
  });

  const binary = {
    ...{ add: ops.add, sub: ops.sub, mul: ops.mul, div: ops.div, pow: ops.pow, maximum: ops.maximum },
    ...{ minimum: ops.minimum, equal: ops.equal, notEqual: ops.notEqual, less: ops.less },
    ...{ lessEqual: ops.lessEqual, greater: ops.greater, greaterEqual: ops.greaterEqual },
  };
  test.each(Object.entries(binary))("%s, over either operand or both", (name, op) => {
    for (const f of [
      (x: Tensor) => own(op(own(x), x)),
      (x: Tensor) => own(op(x, own(x))),
      (x: Tensor) => {
        const y = own(x);
        return own(op(y, y));
      },
      // A row is repeated: only the other operand may go.
      (x: Tensor) => own(op(own(x), own(ops.select(x, 0, 2)))),
    ])
      expect(inPlace(f, sample())).toContain(name);
  });

  const activations = [
    "relu",
    "leakyRelu",
    "elu",
    "softplus",
    "tanh",
    "sigmoid",
    "silu",
    "gelu",
    "geluTanh",
    "clamp",
  ];
  test.each(activations)("the gradient of %s", (name) => {
    const f = (x: Tensor) => {
      const w = own(x);
      w.requiresGrad = true;
      return ops.mul(grad(ops.sum(ops.mul(unary[name as keyof typeof unary](own(w)), x)), [w])[0]!, x);
    };
    expect(inPlace(f, sample())).toContain(`${name}Grad`);
  });

  test("the gradients of attention and cross-entropy", () => {
    const attention = (x: Tensor) => {
      const q = own(ops.reshape(ops.narrow(x, 1, 0, 36), [7, 3, 12]));
      q.requiresGrad = true;
      return own(grad(ops.sum(ops.square(ops.scaledDotProductAttention(q, q, q))), [q])[0]!);
    };
    expect(inPlace(attention, sample())).toContain("maskedSoftmaxGrad");
    const labels = tensor([0, 3, 36, 5, 5, 1, 2], { dtype: "int32" });
    const loss = (x: Tensor) => {
      const w = own(x);
      w.requiresGrad = true;
      return own(grad(crossEntropy(own(w), labels), [w])[0]!);
    };
    expect(inPlace(loss, sample())).toContain("crossEntropyGrad");
  });

  test("a whole chain in one place", () => {
    const f = (x: Tensor) => own(ops.exp(ops.neg(ops.square(ops.tanh(own(x))))));
    expect(inPlace(f, sample())).toEqual(["tanh", "square", "neg", "exp"]);
  });
});

describe("a replay leaves arrays alone", () => {
  test.each<[why: string, f: (x: Tensor) => Tensor | Tensor[]]>([
    [
      "that are read later",
      (x) => {
        const y = own(x);
        return ops.matmul(ops.exp(y), ops.transpose(y));
      },
    ],
    [
      "that are returned",
      (x) => {
        const y = own(x);
        return [ops.matmul(ops.exp(y), ops.transpose(x)), y];
      },
    ],
    ["of the caller", (x) => ops.matmul(ops.exp(x), ops.transpose(x))],
    ["that are larger", (x) => ops.matmul(ops.exp(ops.narrow(own(x), 0, 1, 2)), ops.transpose(x))],
    ["that are repeated", (x) => ops.matmul(ops.sub(ops.narrow(own(x), 0, 0, 1), x), ops.transpose(x))],
    [
      "that are read by the host",
      (x) => {
        const y = own(x);
        const z = ops.exp(y);
        const { address } = y;
        hostStep("look", () => expect(address).toBeGreaterThan(0));
        return ops.matmul(z, ops.transpose(x));
      },
    ],
  ])("%s", (_, f) => {
    expect(inPlace(f, sample())).not.toContain("exp");
    expect(replayed.some(({ name }) => name === "exp" || name === "sub")).toBe(true);
  });

  test("that somebody keeps", () => {
    const kept: Tensor[] = [];
    const f = (x: Tensor) => {
      const y = own(x).keep();
      kept.push(y);
      return ops.matmul(ops.exp(y), ops.transpose(x));
    };
    expect(inPlace(f, sample())).not.toContain("exp");
    for (const y of kept) y.dispose();
  });
});
