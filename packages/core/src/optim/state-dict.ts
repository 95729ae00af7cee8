// Saves and loads an optimizer's state, in the form of PyTorch's `state_dict`: options by group, with the parameters as
// numbers, and state tensors by parameter.
import { ValueError } from "../errors.ts";
import { formatShape, sameShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";

/** The options of one group, with its learning rate as a number. */
export interface SavedGroup {
  /** Parameter numbers, counted over all groups. */
  readonly params: readonly number[];
  readonly lr: number;
  readonly [option: string]: unknown;
}

/** Everything that an optimizer's next step depends on besides weights and gradients. */
export interface OptimizerStateDict {
  /** The class: "Adam". */
  readonly name: string;
  /** Updates done so far. */
  readonly stepCount: number;
  readonly paramGroups: readonly SavedGroup[];
  /** For each parameter, its state tensors by name. */
  readonly state: readonly Readonly<Record<string, Tensor>>[];
}

/** The saved parts of an optimizer. */
interface Saveable<Group> {
  readonly name: string;
  stepCount: number;
  readonly paramGroups: readonly Group[];
  readonly state: readonly Readonly<Record<string, Tensor>>[];
}

/** Fields of a group that need special treatment; all others are copied. */
interface Group {
  readonly params: readonly Tensor[];
  lr: unknown;
}

/** Numbers of the parameters of each group. */
function numbersOf(groups: readonly Group[]): number[][] {
  let next = 0;
  return groups.map(({ params }) => params.map(() => next++));
}

export function writeStateDict<G extends Group>(
  optimizer: Saveable<G>,
  learningRate: (group: G) => number,
): OptimizerStateDict {
  const numbers = numbersOf(optimizer.paramGroups);
  return {
    name: optimizer.name,
    stepCount: optimizer.stepCount,
    paramGroups: optimizer.paramGroups.map((group, index): SavedGroup => {
      const options: object = group;
      return { ...options, params: numbers[index]!, lr: learningRate(group) };
    }),
    state: optimizer.state.map((tensors) => ({ ...tensors })),
  };
}

/**
 * Checks everything, then copies.
 *
 * @throws ValueError that names everything that does not match
 */
export function readStateDict<G extends Group>(
  optimizer: Saveable<G>,
  dict: OptimizerStateDict,
  check: (group: G) => void,
): void {
  const problems = findProblems(optimizer, dict);
  if (problems.length > 0) {
    throw new ValueError(
      `loadStateDict: this does not fit the ${optimizer.name} at hand: ${problems.join("; ")}`,
    );
  }
  const loaded = dict.paramGroups.map((saved, index) => {
    const own = optimizer.paramGroups[index]!;
    // A schedule is a function of the step, so it needs only the step.
    return { ...own, ...saved, params: own.params, lr: typeof own.lr === "function" ? own.lr : saved.lr };
  });
  for (const group of loaded) check(group);
  loaded.forEach((group, index) => {
    Object.assign(optimizer.paramGroups[index]!, group);
  });
  optimizer.stepCount = dict.stepCount;
  dict.state.forEach((tensors, index) => {
    for (const [name, tensor] of Object.entries(tensors)) optimizer.state[index]![name]!.copyFrom(tensor);
  });
}

function findProblems<G extends Group>(optimizer: Saveable<G>, dict: OptimizerStateDict): string[] {
  const { name, stepCount, paramGroups, state } = dict;
  if (name !== optimizer.name) return [`it is of ${name}`];
  const problems: string[] = [];
  if (!(Number.isSafeInteger(stepCount) && stepCount >= 0)) {
    problems.push(`stepCount is ${stepCount}, expected an integer of at least 0`);
  }
  const own = JSON.stringify(numbersOf(optimizer.paramGroups));
  const got = JSON.stringify(paramGroups.map(({ params }) => params));
  if (got !== own) problems.push(`its groups hold parameters ${got}, expected ${own}`);
  else
    paramGroups.forEach((saved, index) => {
      const at = `group ${index}`;
      problems.push(
        ...compareNames(at, "option", Object.keys(saved), Object.keys(optimizer.paramGroups[index]!)),
      );
    });
  if (state.length !== optimizer.state.length) {
    problems.push(`it has state for ${state.length} parameters, expected ${optimizer.state.length}`);
    return problems;
  }
  state.forEach((tensors, index) => {
    const at = `parameter ${index}`;
    const expected = optimizer.state[index]!;
    problems.push(...compareNames(at, "state", Object.keys(tensors), Object.keys(expected)));
    for (const [key, tensor] of Object.entries(tensors)) {
      const target = expected[key];
      if (target) problems.push(...compareTensors(`${at}, state ${key}`, tensor, target));
    }
  });
  return problems;
}

function compareNames(at: string, kind: string, got: string[], expected: string[]): string[] {
  const missing = expected.filter((name) => !got.includes(name));
  const unknown = got.filter((name) => !expected.includes(name));
  return [
    ...missing.map((name) => `${at} lacks ${kind} ${name}`),
    ...unknown.map((name) => `${at} has an unknown ${kind} ${name}`),
  ];
}

function compareTensors(at: string, got: unknown, { shape, dtype }: Tensor): string[] {
  const expected = `${formatShape(shape)} ${dtype}`;
  if (!(got instanceof Tensor)) return [`${at} is no tensor, expected ${expected}`];
  if (sameShape(got.shape, shape) && got.dtype === dtype) return [];
  return [`${at} is ${formatShape(got.shape)} ${got.dtype}, expected ${expected}`];
}
