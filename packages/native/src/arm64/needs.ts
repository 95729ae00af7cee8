// What each operation needs besides the registers of its operands and its result.
import type { Statement, Value } from "@shardgrad/core/kernels";
import type { Needs } from "../allocation/analyse.ts";

export const isConstant = ({ making }: Value) => making.by === "constant";
const isLanes = ({ type }: Value) => type === "v" || type === "d";

/** A constant has no register of its own where it is used; it may get one for a whole routine (frame.ts). */
const constantsIn = (values: readonly Value[]) =>
  values.filter((value) => isConstant(value) && isLanes(value)).length;

/** How many registers of lanes an operation uses besides those of constants. */
const temporaries: Readonly<Record<string, number>> = {
  "v.madd": 1,
  "v.pmin": 1,
  "v.pmax": 1,
  "d.pmin": 1,
  "d.pmax": 1,
  "v.mulHighU": 1,
  "v.narrow": 1,
  "mask.any": 1,
  "mask.all": 1,
  "mask.tail": 1,
};

export function needsOf(of: Value | Statement): Needs {
  if ("is" in of) {
    const count = of.is === "transpose" ? 2 : of.is === "store" ? constantsIn([of.value]) : 0;
    return { temporaries: count, writesEarly: false };
  }
  const { making, args } = of;
  const constants = constantsIn(args);
  if (making.by === "fold") return { temporaries: 3 + constants, writesEarly: true };
  const own = making.by === "operation" ? (temporaries[making.operation] ?? 0) : 0;
  return { temporaries: own + constants, writesEarly: false };
}
