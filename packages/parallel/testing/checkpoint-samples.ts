// Small checkpoints for storage tests: their tensor files are a few bytes, which nobody reads.
import type { CheckpointContent } from "../src/checkpoint/content.ts";
import type { Processes } from "../src/checkpoint/processes.ts";

/** A checkpoint of a step; the step and the mark determine its files. */
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
      sources: {},
      optimizer: { stepCount: step, paramGroups },
    },
    files: {
      "model.safetensors": Buffer.from(`weights of step ${step}${mark}`),
      "optimizer.safetensors": Buffer.from(`velocities of step ${step}${mark}`),
    },
  };
}

/** What several simulated processes share, and what differs. */
interface Simulated {
  host?: string;
  kernel?: string | undefined;
  namespace?: string | undefined;
  /** Paths with a sign of life; if absent, signs of life are impossible. */
  signs?: Set<string>;
}

/** Processes of one machine: those in `alive`; `pid` is the caller's own. */
export function simulatedProcesses(
  pid: number,
  alive: Set<number>,
  { host = "here", kernel = `kernel of ${host}`, namespace = "numbers", signs }: Simulated = {},
): Processes {
  let tokens = 0;
  return {
    host,
    kernel,
    namespace,
    pid,
    token: () => simulatedToken(pid, ++tokens),
    incarnation: (other) => (alive.has(other) ? `life of ${other}` : undefined),
    giveSign: async (path) => signs?.add(path) && (async () => void signs.delete(path)),
    hasSign: async (path) => signs?.has(path),
  };
}

/** The token of a simulated process's `which`-th request. */
export function simulatedToken(pid: number, which: number): string {
  return `${String(pid).padStart(8, "0")}-0000-4000-8000-${String(which).padStart(12, "0")}`;
}
