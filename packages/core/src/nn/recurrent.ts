// Recurrent networks over sequences: RNN, LSTM, GRU. This file stacks layers and directions;
// ops/sequence-models/recurrent.ts computes one layer. Parameters, gate order, initial values and defaults are
// PyTorch's, except `batchFirst`.

import { ShapeError, ValueError } from "../errors.ts";
import { dropout } from "../ops/activations/dropout.ts";
import { add } from "../ops/arithmetic/arithmetic.ts";
import { zeros } from "../ops/create/create.ts";
import { cat, stack } from "../ops/indexing/join.ts";
import { select } from "../ops/indexing/slice.ts";
import { linear } from "../ops/linear-algebra/matmul.ts";
import type { Cell } from "../ops/sequence-models/recurrent.ts";
import { recurrentLayer } from "../ops/sequence-models/recurrent.ts";
import { transpose } from "../ops/shape/shape.ts";
import { checkOptions, optionNames } from "../options.ts";
import { formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { requireProbability } from "./dropout.ts";
import * as init from "./init.ts";
import { layerInstead, requireSizes } from "./linear.ts";
import { Module, parameter } from "./module.ts";

/** Options of `LSTM` and `GRU`. */
export interface RecurrentOptions {
  /** Stacked layers; default 1. */
  layers?: number;
  /** Whether there are biases; default true. */
  bias?: boolean;
  /**
   * true: sequences are [batch, time, inputs], as everywhere here; false: [time, batch, inputs]. Default true (PyTorch:
   * false).
   */
  batchFirst?: boolean;
  /** During training, the probability of dropping an output of any layer but the last; default 0. */
  dropout?: number;
  /** Whether to process time backward as well, and concatenate both results; default false. */
  bidirectional?: boolean;
}

const recurrentOptionNames = {
  layers: true,
  bias: true,
  batchFirst: true,
  dropout: true,
  bidirectional: true,
} as const;
const recurrentInstead = { ...layerInstead, projSize: "it is not supported; put a Linear behind the layer" };
const recurrentOptions = optionNames<RecurrentOptions>(recurrentOptionNames, recurrentInstead);

/** Rows of a cell's weights, in multiples of the hidden size. */
const gatesOf: Readonly<Record<Cell, number>> = { lstm: 4, gru: 3, tanh: 1, relu: 1 };

/** What the three share; `State` is h, or h and c. */
abstract class Recurrent<State> extends Module<[x: Tensor, state?: State], [output: Tensor, state: State]> {
  readonly inputs: number;
  readonly hidden: number;
  readonly layers: number;
  readonly directions: 1 | 2;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly cell: Cell;
  /** Parameters by name: weightIhL0, weightHhL0, biasIhL0, biasHhL0, weightIhL0Reverse, … */
  readonly weights: Readonly<Record<string, Tensor>>;

  constructor(cell: Cell, inputs: number, hidden: number, options: RecurrentOptions) {
    super();
    checkOptions(new.target.name, options, recurrentOptions);
    const { layers = 1, bias = true, batchFirst = true, dropout = 0, bidirectional = false } = options;
    requireSizes(new.target.name, { inputs, hidden, layers });
    this.cell = cell;
    this.inputs = inputs;
    this.hidden = hidden;
    this.layers = layers;
    this.directions = bidirectional ? 2 : 1;
    this.batchFirst = batchFirst;
    this.dropout = requireProbability(new.target.name, "dropout", dropout);
    const rows = gatesOf[cell] * hidden;
    const bound = 1 / Math.sqrt(hidden);
    const weights: Record<string, Tensor> = {};
    for (const suffix of this.#suffixes()) {
      const width = suffix.startsWith("L0") ? inputs : hidden * this.directions;
      const shapes = { weightIh: [rows, width], weightHh: [rows, hidden], biasIh: [rows], biasHh: [rows] };
      for (const [name, shape] of Object.entries(shapes)) {
        if (!bias && name.startsWith("bias")) continue;
        weights[name + suffix] = init.uniform(parameter(zeros(shape)), -bound, bound);
      }
    }
    this.weights = weights;
  }

  override parts(): object {
    return this.weights;
  }

  /** L0, L0Reverse, L1, …: one for each layer and direction. */
  #suffixes(): string[] {
    const directions = this.directions === 2 ? ["", "Reverse"] : [""];
    return Array.from({ length: this.layers }, (_, layer) =>
      directions.map((name) => `L${layer}${name}`),
    ).flat();
  }

  /** Runs all layers; states are one tensor [batch, hidden] per layer and direction. */
  protected run(
    x: Tensor,
    h0: readonly Tensor[],
    c0: readonly Tensor[] | null,
  ): { output: Tensor; h: Tensor[]; c: Tensor[] } {
    let output = this.batchFirst ? transpose(x, 0, 1) : x;
    const h: Tensor[] = [];
    const c: Tensor[] = [];
    for (let layer = 0; layer < this.layers; layer++) {
      if (layer > 0) output = dropout(output, this.dropout, this.training);
      const results = Array.from({ length: this.directions }, (_, direction) => {
        const index = layer * this.directions + direction;
        const result = this.#layer(output, index, h0[index]!, c0?.[index] ?? null);
        h.push(select(result.h, 0, direction === 0 ? -1 : 0));
        if (result.lastC) c.push(result.lastC);
        return result.h;
      });
      output = results.length === 1 ? results[0]! : cat(results, 2);
    }
    return { output: this.batchFirst ? transpose(output, 0, 1) : output, h, c };
  }

  #layer(x: Tensor, index: number, h0: Tensor, c0: Tensor | null) {
    const suffix = this.#suffixes()[index]!;
    const [weightIh, weight, biasIh, biasHh] = ["weightIh", "weightHh", "biasIh", "biasHh"].map(
      (name) => this.weights[name + suffix],
    ) as [Tensor, Tensor, Tensor?, Tensor?];
    const reverse = suffix.endsWith("Reverse");
    // Both biases are added to the same sum, except in a GRU, whose reset gate is applied between them.
    const merged = biasIh && biasHh && this.cell !== "gru" ? add(biasIh, biasHh) : biasIh;
    const projected = linear(x, weightIh, merged);
    const bias = this.cell === "gru" ? (biasHh ?? zeros([3 * this.hidden], { dtype: x.dtype })) : null;
    return recurrentLayer(this.cell, { x: projected, weight, bias, h0, c0 }, reverse);
  }

  /** The initial states of all layers and directions: those given, `[layers · directions, batch, hidden]`, or zeros. */
  protected firstStates(x: Tensor, name: string, state: Tensor | undefined): Tensor[] {
    const batch = x.shape[this.batchFirst ? 0 : 1]!;
    const count = this.layers * this.directions;
    const shape = [count, batch, this.hidden];
    if (state && !sameShape(state.shape, shape)) {
      throw new ShapeError(
        `${this.constructor.name}: ${name} has shape ${formatShape(state.shape)}, expected ${formatShape(shape)}`,
      );
    }
    const start = state ?? zeros(shape, { dtype: x.dtype });
    return Array.from({ length: count }, (_, index) => select(start, 0, index));
  }

  protected checkInput(x: Tensor): void {
    const axes = this.batchFirst ? "batch,time" : "time,batch";
    if (x.rank !== 3 || x.shape[2] !== this.inputs) {
      throw new ShapeError(
        `${this.constructor.name}: x has shape ${formatShape(x.shape)}, expected [${axes},${this.inputs}]`,
      );
    }
    if (x.shape[this.batchFirst ? 1 : 0] === 0) {
      throw new ValueError(`${this.constructor.name}: x ${formatShape(x.shape)} has no time steps`);
    }
  }
}

/** A recurrent network whose state is h. */
abstract class SimpleRecurrent extends Recurrent<Tensor> {
  /**
   * `x [batch, time, inputs]`, `state [layers · directions, batch, hidden]` (default zeros). Returns the outputs of the
   * last layer, `[batch, time, directions · hidden]`, and the final state of every layer. With `batchFirst: false`,
   * time comes first in `x` and the outputs.
   *
   * @throws ShapeError if sizes do not match
   */
  forward(x: Tensor, state?: Tensor): [output: Tensor, state: Tensor] {
    this.checkInput(x);
    const { output, h } = this.run(x, this.firstStates(x, "state", state), null);
    return [output, stack(h)];
  }
}

/** Options of `RNN`. */
export interface RNNOptions extends RecurrentOptions {
  /** The function applied to the sums; default "tanh". */
  nonlinearity?: "tanh" | "relu";
}

const rnnOptions = optionNames<RNNOptions>({ ...recurrentOptionNames, nonlinearity: true }, recurrentInstead);

/** `h ← tanh(W x + b + U h + d)` (Elman 1990), as `torch.nn.RNN`. */
export class RNN extends SimpleRecurrent {
  constructor(inputs: number, hidden: number, options: RNNOptions = {}) {
    checkOptions("RNN", options, rnnOptions);
    const { nonlinearity = "tanh", ...others } = options;
    if (nonlinearity !== "tanh" && nonlinearity !== "relu") {
      throw new ValueError(`RNN: nonlinearity is ${String(nonlinearity)}, expected "tanh" or "relu"`);
    }
    super(nonlinearity, inputs, hidden, others);
  }
}

/**
 * Gated recurrent units (Cho et al. 2014, https://arxiv.org/abs/1406.1078), as `torch.nn.GRU`: with gates r and z,
 * `n = tanh(W x + b + r (U h + d))`, `h ← (1 - z) n + z h`. Rows of the weights are in the order r, z, n.
 */
export class GRU extends SimpleRecurrent {
  constructor(inputs: number, hidden: number, options: RecurrentOptions = {}) {
    super("gru", inputs, hidden, options);
  }
}

/** The state of an LSTM: h and c, each `[layers · directions, batch, hidden]`. */
export type LSTMState = readonly [h: Tensor, c: Tensor];

/**
 * Long short-term memory (Hochreiter, Schmidhuber 1997, https://doi.org/10.1162/neco.1997.9.8.1735), as `torch.nn.LSTM`:
 * with gates i, f, o, `c ← f c + i tanh(…)`, `h = o tanh(c)`. Rows of the weights are in the order i, f, g, o.
 */
export class LSTM extends Recurrent<LSTMState> {
  constructor(inputs: number, hidden: number, options: RecurrentOptions = {}) {
    super("lstm", inputs, hidden, options);
  }

  /**
   * `x [batch, time, inputs]`; `state` is h and c, `[layers · directions, batch, hidden]` each (default zeros). Returns
   * the outputs of the last layer, `[batch, time, directions · hidden]`, and the final state of every layer. With
   * `batchFirst: false`, time comes first in `x` and the outputs.
   *
   * @throws ShapeError if sizes do not match
   */
  forward(x: Tensor, state?: LSTMState): [output: Tensor, state: LSTMState] {
    this.checkInput(x);
    const h0 = this.firstStates(x, "h", state?.[0]);
    const result = this.run(x, h0, this.firstStates(x, "c", state?.[1]));
    return [result.output, [stack(result.h), stack(result.c)]];
  }
}
