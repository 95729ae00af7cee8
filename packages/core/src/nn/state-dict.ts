// Loads values by name, and explains differing names or shapes.

import { noGrad } from "../autograd/define-op.ts";
import { ValueError } from "../errors.ts";
import { cast } from "../ops/create/cast.ts";
import { camelCase, checkOptions, optionNames } from "../options.ts";
import { scope } from "../scope.ts";
import { formatShape, sameShape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** Tensors by name. */
export type StateDict = ReadonlyMap<string, Tensor> | Readonly<Record<string, Tensor>>;

/** Options of `loadStateDict`. */
export interface LoadOptions {
  /** Whether both sides must have the same names; default true. */
  strict?: boolean;
}

const loadOptions = optionNames<LoadOptions>({ strict: true }, { assign: "values are copied; leave it out" });

/** Copies the given values to the tensors of the same names; all, or, if something does not match, none. */
export function loadInto(
  own: ReadonlyMap<string, Tensor>,
  state: StateDict,
  options: LoadOptions,
): { missing: string[]; unexpected: string[] } {
  checkOptions("loadStateDict", options, loadOptions);
  const { strict = true } = options;
  const given: Iterable<[string, Tensor]> = state instanceof Map ? state : Object.entries(state);
  const sources = new Map<Tensor, Tensor>();
  const unexpected: string[] = [];
  const problems: string[] = [];
  for (const [name, source] of given) {
    const known = own.has(name) ? name : camelCase(name);
    const target = own.get(known);
    if (!target) unexpected.push(name);
    else if (!sameShape(source.shape, target.shape)) {
      const [got, expected] = [source, target].map(({ shape }) => formatShape(shape));
      problems.push(`${known} has shape ${got}, expected ${expected}`);
      sources.set(target, source);
    } else sources.set(target, source);
  }
  // A tensor with two names may come under either.
  const missing = [...own].filter(([, target]) => !sources.has(target)).map(([name]) => name);
  if (strict && missing.length > 0) problems.push(`missing: ${missing.join(", ")}`);
  if (strict && unexpected.length > 0) problems.push(`not in the module: ${unexpected.join(", ")}`);
  if (problems.length > 0) {
    const differing = strict && missing.length + unexpected.length > 0;
    throw new ValueError(
      `loadStateDict: ${problems.join("; ")}; ${differing ? "build the module that was saved, or pass { strict: false }" : "build the module that was saved"}`,
    );
  }
  noGrad(() => {
    for (const [target, source] of sources) scope(() => void target.copyFrom(cast(source, target.dtype)));
  });
  return { missing, unexpected };
}
