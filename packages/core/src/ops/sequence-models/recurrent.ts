// A recurrent layer over a whole sequence as one op (backpropagation through time, Werbos 1990). Each time step is one
// matrix product and one cell kernel. The gradient of the recurrent weights is a single product over all steps.
//
// An op has one result, and one gradient rule per input. But here one walk through time yields all results, and another
// all gradients. So the inputs are packed into one tensor first, and the results are views of one:
//
//   in   projected inputs [T,B,G·H] | recurrent weights [G·H,H] | their bias [G·H] (GRU) | h0 [B,H] | c0 [B,H] (LSTM)
//   out  what the cells save [T,B,S·H] | c [T,B,H] (LSTM) | h [T,B,H]
import { defineOp, gradEnabled } from "../../autograd/define-op.ts";
import { bytesPerElement } from "../../dtype.ts";
import { GradientError } from "../../errors.ts";
import {
  activationKernels,
  elementwiseKernels,
  linearKernels,
  moveKernels,
  recurrentKernels,
  reduceKernels,
} from "../../kernels/families.ts";
import { sizeOf } from "../../shape.ts";
import { contiguous, Tensor } from "../../tensor.ts";
import { cat } from "../indexing/join.ts";
import { narrow } from "../indexing/slice.ts";
import { reshape } from "../shape/broadcast.ts";

/** What to apply to the sums of a time step: a gated cell, or a function for a simple RNN. */
export type Cell = "lstm" | "gru" | "tanh" | "relu";

/** Gates per unit, and saved numbers per unit. */
const kinds: Readonly<Record<Cell, { gates: number; saved: number }>> = {
  lstm: { gates: 4, saved: 4 },
  gru: { gates: 3, saved: 4 },
  tanh: { gates: 1, saved: 0 },
  relu: { gates: 1, saved: 0 },
};

interface Walk {
  cell: Cell;
  time: number;
  batch: number;
  hidden: number;
  /** Walks from the last time step to the first. */
  reverse: boolean;
}

/** Byte offsets of the parts of input and output, and their strides per time step. */
function layOut({ cell, time, batch, hidden }: Walk, width: number) {
  const { gates, saved } = kinds[cell];
  const state = batch * hidden;
  const w = time * gates * state;
  const b = w + gates * hidden * hidden;
  const h0 = b + (cell === "gru" ? gates * hidden : 0);
  const c = time * saved * state;
  const h = c + (cell === "lstm" ? time * state : 0);
  return {
    in: { x: 0, w: w * width, b: b * width, h0: h0 * width, c0: (h0 + state) * width },
    out: { s: 0, c: c * width, h: h * width, size: h + time * state },
    step: { gates: gates * state * width, saved: saved * state * width, state: state * width },
    gates,
  };
}

/** The time steps in walking order, each with its predecessor; -1 at the start. */
function steps({ time, reverse }: Walk): { t: number; before: number }[] {
  const times = Array.from({ length: time }, (_, i) => (reverse ? time - 1 - i : i));
  return times.map((t, i) => ({ t, before: times[i - 1] ?? -1 }));
}

/** Kernel calls with the sizes of a walk: contiguous copies, and products with the state. */
function kernelCalls(walk: Walk, dtype: Tensor["dtype"]) {
  const { batch, hidden } = walk;
  const { copy } = moveKernels(dtype);
  const { gemm } = linearKernels(dtype);
  const { gates } = kinds[walk.cell];
  return {
    move: (n: number, from: number, to: number) => copy(1, 1, 1, n, from, 0, 0, 0, 1, to, 0, 0, 0, 1),
    /** `y [batch, gates·hidden] = h wᵀ + start`, which is one row or as many. */
    forwardProduct: (h: number, w: number, y: number, start: number, isRow = false) => {
      const n = gates * hidden;
      gemm(1, batch, n, hidden, h, 0, hidden, 1, w, 0, 1, hidden, y, 0, n, start, 0, isRow ? 0 : n);
    },
    /** `dh = d w`, or added to it, `d [batch, gates·hidden]` */
    backwardProduct: (d: number, w: number, dh: number, adds: boolean) => {
      const n = gates * hidden;
      gemm(1, batch, hidden, n, d, 0, n, 1, w, 0, hidden, 1, dh, 0, hidden, adds ? dh : 0, 0, hidden);
    },
    /** `dw = dᵀ h`, or added to it, over `rows` rows */
    weightProduct: (rows: number, d: number, h: number, dw: number, adds: boolean) => {
      const n = gates * hidden;
      gemm(1, n, hidden, rows, d, 0, 1, n, h, 0, hidden, 1, dw, 0, hidden, adds ? dw : 0, 0, hidden);
    },
  };
}

function forward(packed: Tensor, walk: Walk): Tensor {
  const { cell, batch, hidden } = walk;
  const { dtype } = packed;
  const width = bytesPerElement[dtype];
  const at = layOut(walk, width);
  const y = Tensor.allocate([at.out.size], dtype, cell);
  const call = kernelCalls(walk, dtype);
  const [from, to] = [packed.address, y.address];
  const recurrent = Tensor.allocate([batch, at.gates * hidden], dtype, cell);
  for (const { t, before } of steps(walk)) {
    const w = from + at.in.w;
    const x = from + at.in.x + t * at.step.gates;
    const state = (first: number, rest: number) =>
      before < 0 ? from + first : to + rest + before * at.step.state;
    const h0 = state(at.in.h0, at.out.h);
    const h = to + at.out.h + t * at.step.state;
    const saved = to + at.out.s + t * at.step.saved;
    // LSTM and RNN add to the projected inputs, and turn the sums, in place, into what they save, or into h.
    if (cell === "lstm") {
      call.forwardProduct(h0, w, saved, x);
      const c = to + at.out.c + t * at.step.state;
      recurrentKernels(dtype).lstmCell(batch, hidden, saved, state(at.in.c0, at.out.c), c, h);
    } else if (cell === "gru") {
      call.forwardProduct(h0, w, recurrent.address, from + at.in.b, true);
      recurrentKernels(dtype).gruCell(batch, hidden, x, recurrent.address, h0, saved, h);
    } else {
      call.forwardProduct(h0, w, h, x);
      activationKernels(dtype)[cell](batch * hidden, h, h, 0, 0);
    }
  }
  return y;
}

/** The gradient of the packed input from that of the packed output. */
const backwardOp = defineOp<[Tensor, Tensor, Tensor], Walk>({
  name: "recurrentGrad",
  forward: (dy, y, packed, walk) => {
    const { cell, batch, hidden, time, reverse } = walk;
    const { dtype } = packed;
    const size = batch * hidden;
    const width = bytesPerElement[dtype];
    const at = layOut(walk, width);
    const dx = Tensor.allocate(packed.shape, dtype, "recurrentGrad");
    const call = kernelCalls(walk, dtype);
    const [from, to, given, out] = [packed.address, y.address, contiguous(dy).address, dx.address];
    const w = from + at.in.w;
    // The gradients of h and c during the walk; at its end, those of h0 and c0.
    const dh = out + at.in.h0;
    const dc = out + at.in.c0;
    const gateRow = at.gates * hidden;
    // In a GRU the recurrent part of the gates has its own gradient.
    const own = cell === "gru" ? Tensor.allocate([time, batch, gateRow], dtype, "recurrentGrad") : null;
    const gatesGradient = own ? own.address : out + at.in.x;
    const walked = steps(walk).reverse();
    const last = walked[0]!.t;
    call.move(size, given + at.out.h + last * at.step.state, dh);
    if (cell === "lstm") call.move(size, given + at.out.c + last * at.step.state, dc);
    for (const { t, before } of walked) {
      const state = (first: number, rest: number) =>
        before < 0 ? from + first : to + rest + before * at.step.state;
      const saved = to + at.out.s + t * at.step.saved;
      const d = gatesGradient + t * at.step.gates;
      const h = to + at.out.h + t * at.step.state;
      if (cell === "lstm") {
        const c = to + at.out.c + t * at.step.state;
        recurrentKernels(dtype).lstmCellGrad(batch, hidden, dh, dc, saved, state(at.in.c0, at.out.c), c, d);
      } else if (cell === "gru") {
        const dxHere = out + at.in.x + t * at.step.gates;
        recurrentKernels(dtype).gruCellGrad(batch, hidden, dh, saved, state(at.in.h0, at.out.h), dxHere, d);
      } else activationKernels(dtype)[`${cell}Grad`](size, dh, h, d, 0, 0);
      call.backwardProduct(d, w, dh, cell === "gru");
      if (before >= 0) {
        const arriving = given + at.out.h + before * at.step.state;
        elementwiseKernels(dtype).add(1, size, dh, 0, 1, arriving, 0, 1, dh);
      }
    }
    // dw = sum over time of dᵀ h(previous): h0 for the first time step, and one product for all others, whose states
    // are contiguous.
    const first = walked.at(-1)!.t;
    const dw = out + at.in.w;
    call.weightProduct(batch, gatesGradient + first * at.step.gates, from + at.in.h0, dw, false);
    if (time > 1) {
      const d = gatesGradient + (reverse ? 0 : at.step.gates);
      const h = to + at.out.h + (reverse ? at.step.state : 0);
      call.weightProduct((time - 1) * batch, d, h, dw, true);
    }
    if (own) reduceKernels(dtype).sum(1, time * batch, gateRow, own.address, out + at.in.b);
    return dx;
  },
  vjp: [null, null, null],
});

const recurrentOp = defineOp<[Tensor], Walk>({
  name: "recurrent",
  forward,
  vjp: [
    (dy, y, packed, walk) => {
      if (gradEnabled()) {
        throw new GradientError(
          `recurrent: the gradient of a ${walk.cell} layer cannot be differentiated again; for that, write the steps out in ops`,
        );
      }
      return backwardOp(dy, y, packed, walk);
    },
  ],
});

/**
 * One recurrent layer in one direction: `x [time, batch, gates·hidden]` is the projected inputs with all biases (in a
 * GRU, only the inputs' biases); `weight [gates·hidden, hidden]` and `bias [gates·hidden]` (GRU) belong to the state;
 * `h0` and `c0 [batch, hidden]`. Returns `h [time, batch, hidden]`, and the final c (LSTM). No checks.
 */
export function recurrentLayer(
  cell: Cell,
  inputs: { x: Tensor; weight: Tensor; bias: Tensor | null; h0: Tensor; c0: Tensor | null },
  reverse: boolean,
): { h: Tensor; lastC: Tensor | null } {
  const { x, weight, bias, h0, c0 } = inputs;
  const [time, batch] = x.shape as [number, number];
  const hidden = weight.shape[1]!;
  const walk: Walk = { cell, time, batch, hidden, reverse };
  const flat = [x, weight, bias, h0, c0].filter((part) => part !== null);
  const y = recurrentOp(cat(flat.map((part) => reshape(part, [part.size]))), walk);
  const { out } = layOut(walk, 1);
  const part = (start: number, shape: readonly number[]) =>
    reshape(narrow(y, 0, start, sizeOf(shape)), shape);
  const end = (reverse ? 0 : time - 1) * batch * hidden;
  return {
    h: part(out.h, [time, batch, hidden]),
    lastC: c0 ? part(out.c + end, [batch, hidden]) : null,
  };
}
