// Functions of single elements that calculus starts with: `y[i] = f(x[i])`, each with `dx = dy * f'(x)`.
// Powers are in power.ts, functions that serve as activations in activations.ts.
import { defineOp } from "../define-op.ts";
import type { Tensor } from "../tensor.ts";
import { add, div, mul } from "./arithmetic.ts";
import { mapUnary } from "./elementwise.ts";
