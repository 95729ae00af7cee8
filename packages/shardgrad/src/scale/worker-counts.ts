// Which numbers of workers to measure, and into how many shards to split a batch for all of them.

/** 1, 2, 4, … and all cores: the default. */
export function defaultWorkerCounts(cores: number): number[] {
  const counts: number[] = [];
  for (let count = 1; count < cores; count *= 2) counts.push(count);
  return [...counts, cores];
}

function commonMultiple(a: number, b: number): number {
  let [large, small] = [a, b];
  while (small !== 0) [large, small] = [small, large % small];
  return (a * b) / large;
}

/** More shards than this many for each worker make the passes short. */
const mostShardsPerWorker = 4;

/**
 * Shards that every number of workers shares evenly, if not too many are needed for that; else as many as the most
 * workers.
 *
 * @param samples the samples that can be split
 */
export function shardsFor(counts: readonly number[], samples: number): number {
  const most = Math.max(...counts);
  const even = counts.reduce(commonMultiple, 1);
  return even <= Math.min(mostShardsPerWorker * most, samples) ? even : most;
}
