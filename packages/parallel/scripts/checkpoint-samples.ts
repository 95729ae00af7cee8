// Small checkpoints for tests of how they are stored: their tensor files are a few bytes, which nobody looks into.
import type { CheckpointContent } from "../src/checkpoint/content.ts";
import type { Processes } from "../src/checkpoint/lock.ts";

/** A checkpoint of a step; what its files hold follows from the step and the mark. */
export function sample(step: number, metrics: Record<string, number> = {}, mark = ""): CheckpointContent {
  const fingerprint = {
    seed: 7,
    batchSize: 32,
    shards: 2,
    samples: 500,
    details: { dropLast: true },
    tensors: [{ name: "weight", shape: [2, 3], dtype: "float32" }],
    optimizer: {
      name: "SGD",
      groups: [[0]],
      state: [[{ name: "velocity", shape: [2, 3], dtype: "float32" }]],
    },
  };
  const paramGroups = [{ params: [0], lr: 0.1, momentum: 0.9 }];
  return {
    state: {
      step,
      epoch: 1,
      cursor: 96,
      random: { stream: 3 },
      metrics,
      fingerprint,
      settings: {},
      changes: [],
      computedBy: {},
      optimizer: { stepCount: step, paramGroups },
    },
    files: {
      "model.safetensors": Buffer.from(`weights of step ${step}${mark}`),
      "optimizer.safetensors": Buffer.from(`velocities of step ${step}${mark}`),
    },
  };
}

/** Processes of one machine: those in `alive`, of which the one that asks is `pid`. */
export function simulatedProcesses(pid: number, alive: Set<number>, host = "here"): Processes {
  let tokens = 0;
  return {
    host,
    pid,
    token: () => `${pid}-${++tokens}`,
    incarnation: (other) => (alive.has(other) ? `life of ${other}` : undefined),
  };
}
