// Checks that a contender trains the right network. From the same weights on the same batch, it must have the same
// number of parameters and the same losses, step by step. This compares the forward pass, the gradients and the
// optimizer with the reference.
import type { Prepared } from "./protocol.ts";
import type { Network } from "./zoo.ts";
import { classesOf } from "./zoo.ts";

/** Another order of summation changes losses by this much; another network or optimizer, by far more. */
const tolerance = 1e-4;

/** Random weights guess: their loss is close to that of a uniform guess. */
const startTolerance = 0.2;

const format = (losses: readonly number[]) => losses.map((loss) => loss.toFixed(5)).join(" ");

/** What is wrong, in a few words, or undefined. */
export function findFault(network: Network, prepared: Prepared, reference: Prepared): string | undefined {
  const { parameters, losses } = prepared;
  if (parameters !== reference.parameters) {
    return `another network: ${parameters} parameters, expected ${reference.parameters}`;
  }
  const far =
    losses.length !== reference.losses.length ||
    losses.some((loss, i) => !isNear(loss, reference.losses[i]!));
  if (far) return `another network: losses ${format(losses)}, expected ${format(reference.losses)}`;
  const even = Math.log(classesOf(network));
  if (!(Math.abs(losses[0]! - even) <= startTolerance * even)) {
    return `starts with a loss of ${losses[0]!.toFixed(3)}, expected about ln(classes) = ${even.toFixed(3)}`;
  }
  if (!(losses.at(-1)! < losses[0]!)) return `does not learn: losses ${format(losses)}`;
  return undefined;
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= tolerance * Math.abs(b);
}
