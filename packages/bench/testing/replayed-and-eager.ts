// Trains a network of the zoo with replayed passes and eagerly, for the tests that compare the bits.
import { train } from "@shardgrad/parallel";

/** Two steps are recorded. The largest network takes seconds per step without a BLAS, so it replays only one. */
const stepsOf = (name: string) => (name === "gpt-256" ? 3 : 5);

/** @param name of the network in the zoo */
export async function replayedAndEager(name: string) {
  const job = new URL(`../src/jobs/${name}.ts`, import.meta.url);
  const options = { workers: 1, steps: stepsOf(name) };
  const replayed = await train(job, options);
  return { replayed, eager: await train(job, { ...options, capture: false }) };
}
