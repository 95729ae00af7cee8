// What one of several machines does of a step: the part of the batch whose steps `scale` measures for `simulate/`.

/** How a step divides: among machines, and on each of them among its workers. */
export interface StepDivision {
  /** Samples of a step on one machine, and of one micro-batch of it. */
  batchSize: number;
  microBatch: number;
  /** Workers of each machine. */
  workers: number;
  /** Parts of a step whatever the number of machines, if they are pinned; else each worker has one a micro-batch. */
  shards: number | null;
}

/** The samples and shards of the machine that has most of them. */
export interface Part {
  machines: number;
  batchSize: number;
  shards: number;
  /** The shards of all machines. */
  shardsOfAll: number;
}

/** Undefined if there is nothing to do for some worker of so many machines. */
export function partOf(
  machines: number,
  { batchSize, microBatch, workers, shards }: StepDivision,
): Part | undefined {
  if (machines * workers > (shards ?? microBatch)) return undefined;
  const accumulate = batchSize / microBatch;
  const shardsOfAll = shards ?? Math.min(machines * workers * accumulate, batchSize);
  const [samples, own] = [Math.ceil(batchSize / machines), Math.ceil(shardsOfAll / machines)];
  return { machines, batchSize: samples, shards: own, shardsOfAll };
}

/** More are not measured: times between theirs follow from them. */
const mostMeasured = 5;

/** The parts to measure for these numbers of machines: the largest, the smallest, and some between them. */
export function partsToMeasure(machines: readonly number[], division: StepDivision): Part[] {
  const counts = [...new Set([1, ...machines])].sort((a, b) => a - b);
  const parts = counts.flatMap((count) => partOf(count, division) ?? []);
  if (parts.length <= mostMeasured) return parts;
  const at = (i: number) => Math.round((i * (parts.length - 1)) / (mostMeasured - 1));
  return Array.from({ length: mostMeasured }, (_, i) => parts[at(i)]!);
}
