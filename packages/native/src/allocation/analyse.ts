// When the values and variables of a routine live: the positions between which each needs a register. Knows no machine
// but what `Traits` tells.
import type { Operation, Place, Routine, Statement, Value, Variable } from "@shardgrad/core/kernels";

/** What an operation needs besides its operands. */
export interface Needs {
  /** Registers of lanes while it runs. */
  readonly temporaries: number;
  /** Whether it writes its result before it has read all operands. */
  readonly writesEarly: boolean;
}

/** What a machine says of its operations. */
export interface Traits {
  needsOf(of: Value | Statement): Needs;
  /** Whether the result is the operand, so that it needs no register of its own. */
  isConversion(operation: Operation): boolean;
}

/** From where to where something lives. One ends where another that takes its place may begin. */
export interface Life {
  from: number;
  to: number;
  /** How often it is used; uses in loops count tenfold. */
  weight: number;
}

export interface Analysis {
  /** The value whose number this one shares: itself, but for conversions of integers and reads that need no copy. */
  rootOf(value: Value): Value | Variable;
  /** Values to compute: those that something uses. */
  isUsed(value: Value): boolean;
  usesOf(value: Value): number;
  /** The variable that a value is computed into, as its only use is the set that follows. */
  intoOf(value: Value): Variable | undefined;
  readonly lives: ReadonlyMap<Value | Variable, Life>;
  /** The lives of temporaries, by the value that needs them. */
  readonly temporaries: ReadonlyMap<Value | Statement, readonly Life[]>;
  /** Positions of calls, which keep no lanes. */
  readonly calls: readonly number[];
  positionOf(statement: Statement): number;
}

const placeValues = ({ base, index }: Place) => (index ? [base, index] : [base]);

/** The values that a value is made of. */
function operandsOf({ making, args }: Value): readonly Value[] {
  return making.by === "load" ? [...args, ...placeValues(making.place)] : args;
}

/** The values that a statement uses by itself; those of its blocks are not among them. */
function usedBy(statement: Statement): readonly Value[] {
  switch (statement.is) {
    case "set":
      return [statement.value];
    case "store":
      return [statement.value, ...placeValues(statement.place), ...(statement.tail ? [statement.tail] : [])];
    case "prefetch":
      return placeValues(statement.place);
    case "call":
      return statement.args;
    case "if":
      return [statement.flag];
    case "loop":
      return [statement.again];
    default:
      return [];
  }
}

export function analyse(routine: Routine, { needsOf, isConversion: converts }: Traits): Analysis {
  const isConversion = ({ making }: Value) => making.by === "operation" && converts(making.operation);
  const uses = countUses(routine);
  const isUsed = (value: Value) => (uses.get(value) ?? 0) > 0;
  const intos = new Map<Value, Variable>();
  const walk = new Walk();
  walk.run(routine, isUsed, (value, next) => {
    const fits = next?.is === "set" && next.value === value && uses.get(value) === 1;
    const isAlias = value.making.by === "read" || isConversion(value);
    if (fits && !isAlias && !needsOf(value).writesEarly) intos.set(value, next.variable);
  });

  // Aliases: reads of a variable that does not change while they are used, and conversions.
  const roots = new Map<Value, Value | Variable>();
  const lastUse = new Map(walk.lastUse);
  const byNumber = [...walk.madeAt.keys()].sort((a, b) => a.number - b.number);
  for (const value of byNumber.toReversed())
    if (isConversion(value)) {
      const arg = value.args[0]!;
      lastUse.set(
        arg,
        Math.max(lastUse.get(arg) ?? 0, walk.carried(walk.madeAt.get(arg) ?? 0, lastUse.get(value) ?? 0)),
      );
    }
  for (const value of byNumber) {
    const { making } = value;
    if (making.by === "read") {
      const from = walk.madeAt.get(value)!;
      const to = lastUse.get(value) ?? from;
      const changes = (walk.sets.get(making.variable) ?? []).some((at) => from < at && at < to);
      roots.set(value, changes ? value : making.variable);
    } else if (isConversion(value) && value.args[0]!.making.by !== "constant")
      roots.set(value, roots.get(value.args[0]!) ?? value.args[0]!);
  }
  const rootOf = (value: Value) => roots.get(value) ?? value;

  const lives = new Map<Value | Variable, Life>();
  const touch = (what: Value | Variable, from: number, to: number, weight: number) => {
    const life = lives.get(what);
    if (!life) lives.set(what, { from, to, weight });
    else {
      life.from = Math.min(life.from, from);
      life.to = Math.max(life.to, to);
      life.weight += weight;
    }
  };
  const temporaries = new Map<Value | Statement, readonly Life[]>();
  const lookForTemporaries = (of: Value | Statement, at: number) => {
    const { temporaries: count } = needsOf(of);
    if (count > 0)
      temporaries.set(
        of,
        Array.from({ length: count }, () => ({ from: at - 1, to: at + 1, weight: 0 })),
      );
  };
  for (const value of byNumber) {
    if (!isUsed(value) || value.making.by === "constant") continue;
    const at = walk.madeAt.get(value)!;
    const root = rootOf(value);
    const weight = walk.weightAt(at);
    if (root === value) {
      const into = intos.get(value);
      const from = needsOf(value).writesEarly ? at - 1 : at;
      if (into) touch(into, from, at, weight);
      else touch(value, from, Math.max(at, lastUse.get(value) ?? at), weight * (1 + uses.get(value)!));
      lookForTemporaries(value, at);
    } else {
      const end = Math.max(at, lastUse.get(value) ?? at);
      touch(root, at, end, weight * uses.get(value)!);
    }
  }
  for (const [statement, at] of walk.statementsAt) {
    lookForTemporaries(statement, at);
    if (statement.is === "set") touch(statement.variable, at, at, walk.weightAt(at));
    if (statement.is === "transpose")
      for (const variable of statement.variables) touch(variable, at, at, walk.weightAt(at));
  }
  for (const variable of routine.parameters) if (lives.has(variable)) touch(variable, 0, 0, 1);
  for (const [what, life] of lives) if ("variable" in what) walk.extend(life);
  const positions = new Map(walk.statementsAt);
  return {
    rootOf,
    isUsed,
    usesOf: (value) => uses.get(value) ?? 0,
    intoOf: (value) => intos.get(value),
    lives,
    temporaries,
    calls: walk.calls,
    positionOf: (statement) => positions.get(statement)!,
  };
}

/** How often each value is used by what is computed. */
function countUses(routine: Routine): Map<Value, number> {
  const uses = new Map<Value, number>();
  const all: Value[] = [];
  const use = (value: Value, by: number) => uses.set(value, (uses.get(value) ?? 0) + by);
  const count = (statements: readonly Statement[]) => {
    for (const statement of statements) {
      if (statement.is === "value") {
        all.push(statement.value);
        for (const operand of operandsOf(statement.value)) use(operand, 1);
      }
      for (const value of usedBy(statement)) use(value, 1);
      if (statement.is === "if") {
        count(statement.yes);
        count(statement.no);
      } else if (statement.is === "loop") count(statement.body);
    }
  };
  count(routine.body);
  if (routine.result) use(routine.result, 1);
  // What nothing uses is not computed, and uses nothing itself.
  for (const value of all.toSorted((a, b) => b.number - a.number))
    if (!uses.get(value)) for (const operand of operandsOf(value)) use(operand, -1);
  return uses;
}

interface Loop {
  readonly from: number;
  to: number;
}

/** The positions of everything, two apart. */
class Walk {
  readonly madeAt = new Map<Value, number>();
  readonly lastUse = new Map<Value, number>();
  readonly sets = new Map<Variable, number[]>();
  readonly statementsAt: [Statement, number][] = [];
  readonly calls: number[] = [];
  readonly #loops: Loop[] = [];
  #at = 0;

  run(
    routine: Routine,
    isUsed: (value: Value) => boolean,
    see: (value: Value, next: Statement | undefined) => void,
  ): void {
    const use = (value: Value) => {
      const made = this.madeAt.get(value) ?? 0;
      this.lastUse.set(value, Math.max(this.lastUse.get(value) ?? 0, this.carried(made, this.#at)));
    };
    const go = (statements: readonly Statement[]) => {
      for (const [i, statement] of statements.entries()) {
        this.#at += 2;
        if (statement.is === "value") {
          if (!isUsed(statement.value)) continue;
          this.madeAt.set(statement.value, this.#at);
          for (const operand of operandsOf(statement.value)) use(operand);
          see(statement.value, statements[i + 1]);
          continue;
        }
        this.statementsAt.push([statement, this.#at]);
        if (statement.is !== "loop") for (const value of usedBy(statement)) use(value);
        if (statement.is === "set") this.#noteSet(statement.variable);
        else if (statement.is === "transpose")
          for (const variable of statement.variables) this.#noteSet(variable);
        else if (statement.is === "call") this.calls.push(this.#at);
        else if (statement.is === "if") {
          go(statement.yes);
          go(statement.no);
          this.#at += 2;
        } else if (statement.is === "loop") {
          const loop = { from: this.#at, to: Number.POSITIVE_INFINITY };
          this.#loops.push(loop);
          go(statement.body);
          this.#at += 2;
          use(statement.again);
          loop.to = this.#at;
          // What comes from outside lives through all rounds.
          for (const [value, last] of this.lastUse)
            if (last > loop.from && (this.madeAt.get(value) ?? 0) < loop.from)
              this.lastUse.set(value, Math.max(last, loop.to));
        }
      }
    };
    go(routine.body);
    this.#at += 2;
    if (routine.result) use(routine.result);
  }

  /** Where something that was made at `made` and is used at `used` must live to. */
  carried(made: number, used: number): number {
    return this.#loops.reduce(
      (to, loop) =>
        made < loop.from && used > loop.from && to < loop.to && loop.to < Number.POSITIVE_INFINITY
          ? loop.to
          : to,
      used,
    );
  }

  /** Extends the life of a variable over the loops that it crosses. */
  extend(life: Life): void {
    for (let changed = true; changed; ) {
      changed = false;
      for (const { from, to } of this.#loops) {
        const beginsBefore = life.from < from;
        const beginsInside = life.from >= from && life.from <= to;
        if (beginsBefore && life.to > from && life.to < to) {
          life.to = to;
          changed = true;
        }
        if (beginsInside && life.to > to && life.from > from) {
          life.from = from;
          changed = true;
        }
      }
    }
  }

  weightAt(at: number): number {
    return 10 ** this.#loops.filter(({ from, to }) => from < at && at <= to).length;
  }

  #noteSet(variable: Variable): void {
    const sets = this.sets.get(variable) ?? [];
    sets.push(this.#at);
    this.sets.set(variable, sets);
  }
}
