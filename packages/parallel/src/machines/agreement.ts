// What machines must have in common before the first step, and the line that says what they do not. All machines compare
// the same texts, so all find the same difference.
import { MachineError } from "../errors.ts";

/** What a machine says of itself: by name, a text that all must share. */
export type Said = Readonly<Record<string, string>>;

/** How a machine's kernels compute, and which others it could use. */
export interface SaidKernels {
  /** Kernels of one family give the same bits. */
  family: string;
  /** For people. */
  description: string;
  /** Whether relaxed SIMD multiplies and adds with one rounding here, as machine code does. */
  fuses: boolean;
}

const shortened = (text: string) => (text.length > 120 ? `${text.slice(0, 117)}…` : text);

/** @throws MachineError that names the first machine with something else than machine 0, and what it is */
export function requireSame(said: readonly Said[]): void {
  const [first, ...others] = said as [Said, ...Said[]];
  others.forEach((other, index) => {
    for (const name of new Set([...Object.keys(first), ...Object.keys(other)])) {
      if (first[name] === other[name]) continue;
      const [there, here] = [other[name], first[name]].map((text) => text && shortened(text));
      const difference =
        there === undefined
          ? `lacks ${name} ${here}, which machine 0 has`
          : `has ${name} ${there}, machine 0 ${here ?? "none"}`;
      throw new MachineError(`train: machine ${index + 1} ${difference}; all machines must have the same`);
    }
  });
}

/** @throws MachineError if kernels give different bits, with those that all machines could use */
export function requireSameBits(said: readonly SaidKernels[]): void {
  const [first, ...others] = said as [SaidKernels, ...SaidKernels[]];
  const index = others.findIndex(({ family }) => family !== first.family);
  if (index < 0) return;
  const common = said.every(({ fuses }) => fuses) ? "wasm-relaxed" : "wasm-plain";
  throw new MachineError(
    `train: machine ${index + 1} computes with ${others[index]!.description}, machine 0 with ${first.description}: these give different bits; all machines can use kernels: "${common}"`,
  );
}

/**
 * The workers of each machine. Machines that name no number get one per core, or fewer if there are not so many shards.
 *
 * @param most shards, or samples that a step can have
 * @throws MachineError if there are more machines or workers than that
 */
export function shareWorkers(
  said: readonly { workers: number | undefined; cores: number }[],
  most: number,
): number[] {
  const named = said.reduce((sum, { workers = 0 }) => sum + workers, 0);
  const free = said.filter(({ workers }) => workers === undefined).length;
  const each = Math.floor((most - named) / Math.max(1, free));
  const workers = said.map(({ workers, cores }) => workers ?? Math.max(1, Math.min(cores, each)));
  const all = workers.reduce((sum, count) => sum + count, 0);
  if (all <= most) return workers;
  throw new MachineError(
    `train: ${said.length} machines with ${workers.join(" + ")} workers for ${most === 1 ? "1 shard" : `${most} shards`}; every worker needs at least one: use fewer workers or machines, or more shards`,
  );
}
