// What each operation needs besides the registers of its operands and its result.
import type { Statement, Value } from "@shardgrad/core/kernels";
import type { Needs } from "../allocation/analyse.ts";
import type { Machine } from "./machine.ts";

const nothing: Needs = { temporaries: 0, writesEarly: false };
const one: Needs = { temporaries: 1, writesEarly: false };

/** The operands may change places, so that a constant is the second. `pmin` and `pmax` change them anyway. */
export const commutative: ReadonlySet<string> = new Set([
  ...[
    "v.add",
    "v.mul",
    "v.and",
    "v.or",
    "v.xor",
    "v.addI",
    "v.mulI",
    "v.eq",
    "v.ne",
    "v.eqI",
    "d.add",
    "d.mul",
    "d.and",
    "d.xor",
    "d.addI",
    "v.maxI",
  ],
]);
/** The machine's instruction has its operands the other way round. */
export const reversed: ReadonlySet<string> = new Set(["v.pmin", "v.pmax", "v.andNot", "d.pmin", "d.pmax"]);

const isConstant = (value: Value | undefined) => value?.making.by === "constant";

export function needsOf(of: Value | Statement, { maskRegisters }: Machine): Needs {
  if ("is" in of) {
    if (of.is === "store") return isConstant(of.value) ? one : nothing;
    return of.is === "transpose" ? one : nothing;
  }
  const { making, args } = of;
  const constants = args.filter(isConstant).length;
  if (making.by === "fold") {
    const own = making.fold === "min" || making.fold === "max" ? 3 : 1;
    return { temporaries: own + constants, writesEarly: true };
  }
  if (making.by !== "operation") return nothing;
  switch (making.operation) {
    case "v.min":
    case "v.max":
      return { temporaries: 1 + constants, writesEarly: true };
    case "v.evens":
    case "v.odds":
    case "v.zipLow":
    case "v.zipHigh":
      return { temporaries: 1 + constants, writesEarly: false };
    case "v.mulHighU":
      return { temporaries: 2 + constants, writesEarly: true };
    case "v.madd":
      // The instruction reads one of them itself.
      return { temporaries: Math.max(0, constants - 1), writesEarly: false };
    case "v.ltI":
    case "v.eqI":
      return constants > 0 ? one : nothing;
    case "v.narrow":
      return { temporaries: 2 + constants, writesEarly: false };
    case "v.select":
      return { temporaries: Math.max(1, constants), writesEarly: false };
    case "d.high":
    case "d.splat":
    case "d.splatI":
    case "v.splatI":
    case "v.round":
    case "tail.first":
    case "tail.some":
      return one;
    case "mask.any":
    case "mask.all":
    case "mask.not":
    case "mask.and":
    case "mask.or":
      return maskRegisters > 0 ? nothing : one;
    default:
      return constants > 1 ||
        (constants > 0 &&
          isConstant(args[reversed.has(making.operation) ? 1 : 0]) &&
          !commutative.has(making.operation))
        ? one
        : nothing;
  }
}
