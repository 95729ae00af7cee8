// Options by name. An ignored option would be a silently wrong result, and people write PyTorch's names out of habit.
// So an unknown name is an error that says what the option is called here, or what to do instead. Knows nothing of
// tensors or memory.
import { kindOf } from "./arguments.ts";
import { ValueError } from "./errors.ts";

/** The names that an operation knows: true for an option; for one it does not have, what to do instead. */
export type OptionNames = Readonly<Record<string, true | string>>;

/**
 * All option names of an operation; the compiler checks that they are complete.
 *
 * @param instead for options of PyTorch that this operation lacks: what to do instead
 */
export function optionNames<Options extends object>(
  own: Readonly<Record<keyof Options, true>>,
  instead: Readonly<Record<string, string>> = {},
): OptionNames {
  return { ...instead, ...own };
}

/** What PyTorch and others call an option, and its possible names here. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  atol: ["tolerance"],
  attnMask: ["mask"],
  beta1: ["betas"],
  beta2: ["betas"],
  ddof: ["correction"],
  dimFeedforward: ["hidden"],
  dropout: ["dropoutP"],
  elementwiseAffine: ["affine"],
  epsilon: ["eps"],
  etaMin: ["minLr"],
  gradOutputs: ["gradient"],
  gradTensors: ["gradient"],
  isCausal: ["causal"],
  keepdim: ["keepDim"],
  keepdims: ["keepDim"],
  keepDims: ["keepDim"],
  keyPaddingMask: ["mask"],
  learningRate: ["lr"],
  maxLr: ["lr"],
  numLayers: ["layers"],
  numWarmupSteps: ["warmupSteps"],
  ord: ["p"],
  reduce: ["reduction"],
  rtol: ["tolerance"],
  size: ["shape"],
  sizeAverage: ["reduction"],
  srcKeyPaddingMask: ["mask"],
  srcMask: ["mask"],
  tMax: ["steps"],
  totalIters: ["steps"],
  totalSteps: ["steps"],
  unbiased: ["correction"],
};

/** What to do instead of options that PyTorch has in many places, and this library nowhere. */
const insteadOf: Readonly<Record<string, string>> = {
  amsgrad: "it is not supported; leave it out",
  capturable: "it changes nothing here; leave it out",
  device: "all tensors lie in one memory; leave it out",
  differentiable: "it changes nothing here; leave it out",
  foreach: "it changes nothing here; leave it out",
  fused: "it changes nothing here; leave it out",
  generator: "numbers are drawn from currentGenerator(); choose another with withGenerator",
  inplace: "nothing is changed in place; leave it out, and use the result",
  layout: "all tensors are dense; leave it out",
  maximize: "negate the loss instead",
  out: "results are new tensors; use what is returned",
  pinMemory: "all tensors lie in one memory; leave it out",
};

/** Converts `label_smoothing` to this library's form, `labelSmoothing`. */
export function camelCase(name: string): string {
  return name.replace(/_+([a-zA-Z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** The edit distance between two names (Levenshtein 1965), ignoring case. */
function distance(a: string, b: string): number {
  const [from, to] = [a.toLowerCase(), b.toLowerCase()];
  let row = Array.from({ length: to.length + 1 }, (_, j) => j);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const exchanged = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(exchanged, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}

/** The name in `known` that was most likely meant; undefined if none is close. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  const limit = Math.max(2, Math.floor(name.length / 3));
  const near = known
    .map((candidate) => ({ candidate, far: distance(name, candidate) }))
    .filter(({ candidate, far }) => far <= limit && far < candidate.length)
    .sort((a, b) => a.far - b.far);
  return near[0]?.candidate;
}

/** What is wrong with a name, and what to write: the end of a message. */
function describeUnknown(name: string, names: OptionNames, noun: string): string {
  const camel = camelCase(name).replace(/^[A-Z]/, (letter) => letter.toLowerCase());
  const problem = `there is no ${noun} "${name}"`;
  const here = [camel, ...(Object.hasOwn(otherNames, camel) ? otherNames[camel]! : [])].find(
    (candidate) => names[candidate] === true,
  );
  if (here) return `${problem}; it is called ${here} here`;
  const instead = [names, insteadOf].find((table) => Object.hasOwn(table, camel))?.[camel];
  if (instead) return `${problem}: ${instead}`;
  const known = Object.keys(names).filter((key) => names[key] === true);
  const near = nearestName(camel, known);
  if (known.length === 0) return `${problem}; it takes none`;
  return `${problem}; ${near ? `did you mean ${near}? There are` : "there are"} ${known.join(", ")}`;
}

/**
 * What is wrong with `options`, as the end of a message; undefined if every name is one of `names`.
 *
 * @param noun what a name stands for
 */
export function findUnknown(
  options: unknown,
  names: OptionNames,
  noun: "option" | "part" = "option",
): string | undefined {
  if (typeof options === "object" && options !== null) {
    let unknown: string | undefined;
    // Loops over names only: every op with options runs this.
    for (const name in options) if (names[name] !== true) unknown ??= name;
    if (unknown === undefined) return undefined;
    const prototype: unknown = Object.getPrototypeOf(options);
    if (prototype === Object.prototype || prototype === null) return describeUnknown(unknown, names, noun);
  }
  const some = Object.keys(names).find((key) => names[key] === true);
  const expected = some ? `an object, such as { ${some}: … }` : "none";
  return `${noun === "option" ? "options are" : "got"} ${kindOf(options)}, expected ${expected}`;
}

/**
 * Throws unless every name in `options` is one of `names`.
 *
 * @throws ValueError saying what to write instead
 */
export function checkOptions(operation: string, options: unknown, names: OptionNames): void {
  const problem = findUnknown(options, names);
  if (problem !== undefined) throw new ValueError(`${operation}: ${problem}`);
}
