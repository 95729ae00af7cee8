// Which number of machines to take, by the predicted numbers.
import { digits, ratio } from "../scale/numbers.ts";
import type { MachinesRow } from "./rows.ts";
import { bandwidthText } from "./units.ts";

/** What the rows do not have. */
export interface BatchFacts {
  batchSize: number;
  trainSamples: number;
  /** Of two machines that share a batch of so many samples, on a line of so many bits a second. */
  efficiencyOfTwo: (samples: number, bitsPerSecond: number) => number;
}

/** Machines are worth it from this efficiency on. */
const wellUsed = 0.8;

/** Gains below this are not worth a machine. */
const worthMentioning = 1.03;

const several = (machines: number) =>
  machines === 1 ? "1 machine" : `${machines.toLocaleString("en-US")} machines`;

/** The smallest batch, by doubling, that would make two machines worth it. */
function batchForTwo(bitsPerSecond: number, { batchSize, trainSamples, efficiencyOfTwo }: BatchFacts) {
  for (let batch = 2 * batchSize; batch <= Math.min(trainSamples, 1024 * batchSize); batch *= 2) {
    if (efficiencyOfTwo(batch, bitsPerSecond) >= wellUsed) return batch;
  }
  return undefined;
}

/** @param rows of one network and mode, by machines; the first is one machine */
function sentence(rows: readonly MachinesRow[], facts: BatchFacts): string | undefined {
  const [one, two] = rows;
  if (!one || !two) return undefined;
  const { mode, bitsPerSecond, localMs } = one;
  const where = `${bandwidthText(bitsPerSecond)}${mode === "weak" ? ", a batch for each" : ""}`;
  const most = Math.max(...rows.map(({ speedup }) => speedup));
  const best = rows.find(({ speedup }) => speedup * worthMentioning >= most)!;
  const good = rows.findLast(({ efficiency }) => efficiency >= wellUsed)!;
  const fastest = `${several(best.machines)} are the fastest, ${ratio(best.speedup)} times one`;
  if (good.machines > 1) {
    const kept = `${where}: up to ${several(good.machines)} have an efficiency of at least 80 %`;
    return best.machines > good.machines ? `${kept}; ${fastest}` : kept;
  }
  const gain = best.machines === 1 ? "more machines are not faster" : fastest;
  const costs = `the network adds ${digits(two.networkMs)} ms to a step of ${several(two.machines)}, of which one needs ${digits(localMs)} ms`;
  const batch = mode === "strong" ? batchForTwo(bitsPerSecond, facts) : undefined;
  const larger = batch === undefined ? "" : `; a batch of ${batch} would give two an efficiency of 80 %`;
  return `${where}: ${gain}: ${costs}${larger}`;
}

/** A sentence for each network and mode. */
export function adviceOfMachines(rows: readonly MachinesRow[], facts: BatchFacts): string[] {
  const groups = Map.groupBy(rows, ({ bitsPerSecond, mode }) => `${bitsPerSecond} ${mode}`);
  return [...groups.values()].flatMap((group) => sentence(group, facts) ?? []);
}
