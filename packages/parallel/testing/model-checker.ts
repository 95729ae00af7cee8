// Explores every reachable state of a model of concurrent agents, breadth first, so that counterexamples are shortest.
// States are strings, so that equal ones are visited once. Knows nothing of what is modelled.

/** One possible next move. */
export interface Move {
  /** Whether it eventually happens if nothing else does. An adversary's optional move (a crash) is not certain. */
  certain: boolean;
  next: string;
}

export interface Model {
  readonly initial: string;
  /** All possible moves in a state. Throws a `Violation` if the state breaks a rule. */
  moves(state: string): Move[];
  /** What is wrong with ending in this state, if anything. */
  wrongEnd(state: string): string | undefined;
  /** True once a run must end within a bounded number of moves, whatever the adversary does. */
  ending(state: string): boolean;
  /** One line, for counterexamples. */
  describe(state: string): string;
}

/** A broken rule; models throw it, and `explore` adds the path. */
export class Violation extends Error {
  override name = "Violation";
}

export interface Exploration {
  states: number;
  moves: number;
  /** States in which a run may end. */
  ends: number;
  /** The longest run, in moves, if an adversary does nothing. */
  longest: number;
  /** The most certain moves after a run starts to end, whatever the adversary does. */
  movesToEnd: number;
}

/** The graph of states, edge by edge; targets of state i are at `first[i]` … `first[i + 1] - 1`. */
interface Graph {
  keys: string[];
  first: number[];
  target: number[];
  certain: boolean[];
}

function wayTo(graph: Graph, parents: readonly number[], model: Model, state: number): string {
  const way: string[] = [];
  for (let at = state; at >= 0; at = parents[at]!) way.push(model.describe(graph.keys[at]!));
  return way.reverse().join("\n  ");
}

/**
 * The longest path from the initial state, by the weight of its edges; -1 if the counting edges form a cycle. Kahn's
 * algorithm.
 */
function longestPath(
  graph: Graph,
  counts: (from: number, edge: number) => boolean,
  weight: (edge: number) => number,
): number {
  const { keys, first, target } = graph;
  const incoming = new Int32Array(keys.length);
  const visit = (act: (from: number, edge: number) => void, from: number) => {
    for (let edge = first[from]!; edge < first[from + 1]!; edge++) if (counts(from, edge)) act(from, edge);
  };
  for (let from = 0; from < keys.length; from++) visit((_, edge) => void incoming[target[edge]!]!++, from);
  const ready: number[] = [];
  for (let state = 0; state < keys.length; state++) if (incoming[state] === 0) ready.push(state);
  const distance = new Int32Array(keys.length);
  let longest = 0;
  let done = 0;
  for (let from = ready.pop(); from !== undefined; from = ready.pop()) {
    done++;
    longest = Math.max(longest, distance[from]!);
    visit((_, edge) => {
      const to = target[edge]!;
      distance[to] = Math.max(distance[to]!, distance[from]! + weight(edge));
      if (--incoming[to]! === 0) ready.push(to);
    }, from);
  }
  return done === keys.length ? longest : -1;
}

/**
 * Explores the whole model.
 *
 * @throws Violation with the shortest path, if a rule is broken, or a run can end in a wrong state or never ends
 */
export function explore(model: Model): Exploration {
  const ids = new Map([[model.initial, 0]]);
  const graph: Graph = { keys: [model.initial], first: [], target: [], certain: [] };
  const { keys, first, target, certain } = graph;
  const parents = [-1];
  let ends = 0;
  for (let from = 0; from < keys.length; from++) {
    first.push(target.length);
    const key = keys[from]!;
    const fail = (problem: string): never => {
      throw new Violation(`${problem}\n  ${wayTo(graph, parents, model, from)}`);
    };
    let moves: Move[] = [];
    try {
      moves = model.moves(key);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      fail(error.message);
    }
    if (!moves.some((move) => move.certain)) {
      ends++;
      const problem = model.wrongEnd(key);
      if (problem !== undefined) fail(problem);
    }
    for (const move of moves) {
      let to = ids.get(move.next);
      if (to === undefined) {
        to = keys.length;
        ids.set(move.next, to);
        keys.push(move.next);
        parents.push(from);
      }
      target.push(to);
      certain.push(move.certain);
    }
  }
  first.push(target.length);

  const longest = longestPath(
    graph,
    (_, edge) => certain[edge]!,
    () => 1,
  );
  if (longest < 0) throw new Violation("a run may go in circles for ever");
  const ending = keys.map((key) => model.ending(key));
  const movesToEnd = longestPath(
    graph,
    (from) => ending[from]!,
    (edge) => Number(certain[edge]),
  );
  if (movesToEnd < 0) throw new Violation("a run that should end may go in circles for ever");
  return { states: keys.length, moves: target.length, ends, longest, movesToEnd };
}
