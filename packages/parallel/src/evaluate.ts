// Sharded evaluation: the test set is cut into chunks of fixed size, each evaluated by one worker. Sums are kept per
// chunk and added in order of chunks, so the result does not depend on the number of workers.
import type { AnyModule } from "@shardgrad/core";
import { Generator, noGrad, scope, stream, Tensor, withGenerator } from "@shardgrad/core";
import { heap } from "@shardgrad/core/engine";
import type { BatchSource } from "./batches.ts";
import { JobError } from "./errors.ts";
import type { Job } from "./job.ts";

/** Test samples per forward pass. */
export const chunkSize = 256;

export function chunkCount(samples: number): number {
  return Math.ceil(samples / chunkSize);
}

/** Sum of a metric over the samples of a batch, from what the job's function returned. */
function metricSum(name: string, value: unknown, samples: number): number {
  if (value instanceof Tensor && value.size === 1 && value.rank === 0) return value.item() * samples;
  if (value instanceof Tensor && value.rank === 1 && value.size === samples) {
    let sum = 0;
    for (const x of value.toArray()) sum += x;
    return sum;
  }
  const got = value instanceof Tensor ? `shape [${value.shape.join(",")}]` : typeof value;
  throw new JobError(
    `metrics.${name}: got ${got}, expected one number per sample [${samples}] or a scalar mean`,
  );
}

/** Puts every module of a model back into the mode that it was in: a job may have frozen some. */
export function keepModes(model: AnyModule): () => void {
  const modes = model.modules().map((module) => ({ module, training: module.training }));
  return () => {
    for (const { module, training } of modes) module.training = training;
  };
}

/** Evaluates the chunks that fall to worker `rank`, each after a `beat`; their sums go to the table at byte `table`. */
export function evaluateChunks(
  job: Job,
  model: AnyModule,
  test: { samples: number; source: BatchSource },
  table: number,
  { rank, workers, seed, beat }: { rank: number; workers: number; seed: number; beat: () => void },
): void {
  const metrics = Object.entries(job.metrics ?? {});
  const sums = heap().float64;
  const noise = new Generator(seed, stream.evaluation);
  const putBack = keepModes(model);
  model.eval();
  noGrad(() => {
    for (let chunk = rank; chunk < chunkCount(test.samples); chunk += workers) {
      const pass = (body: () => void) => withGenerator(noise.restart(chunk), () => scope(body));
      beat();
      pass(() => {
        const start = chunk * chunkSize;
        const count = Math.min(chunkSize, test.samples - start);
        test.source.load(
          Int32Array.from({ length: count }, (_, i) => start + i),
          0,
        );
        const batch = test.source.batch(count);
        metrics.forEach(([name, metric], i) => {
          sums[table / 8 + chunk * metrics.length + i] = metricSum(name, metric(model, batch), count);
        });
      });
    }
  });
  putBack();
}

/** Mean of each metric over the test set, from the table of chunk sums. */
export function mergeChunks(table: number, samples: number, metrics: number): number[] {
  const sums = heap().float64;
  return Array.from({ length: metrics }, (_, metric) => {
    let total = 0;
    for (let chunk = 0; chunk < chunkCount(samples); chunk++)
      total += sums[table / 8 + chunk * metrics + metric]!;
    return total / samples;
  });
}
