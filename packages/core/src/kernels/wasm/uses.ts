// What a routine needs: which values are used, how often, and which constants stand in a loop.
import type { Routine, Statement, Value } from "../language/values.ts";

/** The values that a value is made of, its address among them. */
export function operandsOf({ args, making }: Value): readonly Value[] {
  if (making.by !== "load") return args;
  const { base, index } = making.place;
  return index ? [...args, base, index] : [...args, base];
}

/** The values that a statement itself takes, not those of its blocks. */
export function operandsOfStatement(statement: Statement): readonly Value[] {
  switch (statement.is) {
    case "set":
      return [statement.value];
    case "store": {
      const { place, value, tail } = statement;
      return [place.base, ...(place.index ? [place.index] : []), value, ...(tail ? [tail] : [])];
    }
    case "clear": {
      const { place, bytes } = statement;
      return [place.base, ...(place.index ? [place.index] : []), bytes];
    }
    case "if":
      return [statement.flag];
    case "loop":
      return [statement.again];
    case "call":
      return statement.args;
    default:
      return [];
  }
}

function blocksOf(statement: Statement): readonly (readonly Statement[])[] {
  if (statement.is === "if") return [statement.yes, statement.no];
  return statement.is === "loop" ? [statement.body] : [];
}

export interface Uses {
  /** How often a value is used; what is not in it is needless. */
  readonly counts: ReadonlyMap<Value, number>;
  /** Lane constants that are used in a loop or more than once, in the order of their first use. */
  readonly kept: readonly Value[];
}

export function usesOf(routine: Routine): Uses {
  const counts = new Map<Value, number>();
  const count = (value: Value) => {
    const before = counts.get(value) ?? 0;
    counts.set(value, before + 1);
    if (before === 0) for (const operand of operandsOf(value)) count(operand);
  };
  const inLoops = new Set<Value>();
  const needs = (statements: readonly Statement[]) => {
    for (const statement of statements) {
      for (const value of operandsOfStatement(statement)) count(value);
      for (const block of blocksOf(statement)) needs(block);
    }
  };
  const findLoops = (statements: readonly Statement[], isLoop: boolean) => {
    for (const statement of statements) {
      const isUsed = statement.is !== "value" || counts.has(statement.value);
      const operands =
        statement.is === "value" ? operandsOf(statement.value) : operandsOfStatement(statement);
      if (isLoop && isUsed) for (const value of operands) inLoops.add(value);
      for (const block of blocksOf(statement)) findLoops(block, isLoop || statement.is === "loop");
      if (statement.is === "loop") inLoops.add(statement.again);
    }
  };
  needs(routine.body);
  if (routine.result) count(routine.result);
  findLoops(routine.body, false);
  const isLanes = ({ type, making }: Value) => making.by === "constant" && (type === "v" || type === "d");
  const kept = [...counts.keys()].filter(
    (value) => isLanes(value) && (inLoops.has(value) || counts.get(value)! > 1),
  );
  return { counts, kept };
}
