// The computational graph of a job's loss, on the first samples of its training set.
import type { Graph, Tensor } from "@shardgrad/core";
import { graphOf, scope } from "@shardgrad/core";
import { optionNames } from "@shardgrad/core/engine";
import { checkParts } from "./check-parts.ts";
import { describeThrown, JobError } from "./errors.ts";
import { frozenCopy } from "./frozen-copy.ts";
import { requireCount } from "./job/define-job.ts";
import { withJobHere } from "./job-here.ts";
import type { TrainOptions } from "./plan/train-options.ts";
import { checkValues } from "./plan/train-options.ts";
import { RunPlace } from "./step/run-place.ts";

/** The options of `graphJob`. */
export interface GraphJobOptions extends Pick<TrainOptions, "seed" | "params"> {
  /** Samples in the batch; default 1. */
  samples?: number;
  /** Whether to show forward values and gradients. Default false. */
  values?: boolean;
}

const optionsOfGraph = optionNames<GraphJobOptions>({
  seed: true,
  params: true,
  samples: true,
  values: true,
});

/**
 * The graph of a job's loss on the first training samples, before any step. Parameters have their names, and columns of
 * the data theirs.
 *
 * @throws JobError as `train`, and if the loss fails for so few samples
 */
export async function graphJob(job: string | URL, given: GraphJobOptions = {}): Promise<Graph> {
  const options = frozenCopy(given);
  checkParts("graphJob", options, optionsOfGraph, "option");
  checkValues("graphJob", options);
  const { samples = 1, values = false, ...runOptions } = options;
  requireCount("graphJob", "samples", samples);
  return await withJobHere(
    "graphJob",
    job,
    runOptions,
    async () => undefined,
    ({ job: definition, build, firstSamples }) =>
      scope(() => {
        const { model } = build();
        const source = firstSamples(samples);
        const place = new RunPlace();
        try {
          return source.during(samples, () => {
            const batch = source.batch(samples);
            const loss = callLoss(samples, () =>
              definition.loss(model, batch, { ...definition.context, step: place.step, epoch: place.epoch }),
            );
            const names: (readonly [string, Tensor])[] = [
              ["step", place.step],
              ["epoch", place.epoch],
              ...Object.entries(batch as Record<string, Tensor>),
              ...model.namedTensors(),
              ["loss", loss],
            ];
            const graph = graphOf(loss, { names, values: true, gradients: values });
            return values ? graph : withoutValues(graph);
          });
        } finally {
          place.dispose();
          source.dispose();
        }
      }),
  );
}

/** Leaves only the numbers in formulas. */
function withoutValues(graph: Graph): Graph {
  const nodes = graph.nodes.map(({ value, ...node }) =>
    node.role === "constant" && value !== undefined ? { ...node, value } : node,
  );
  return { ...graph, nodes };
}

function callLoss(samples: number, loss: () => Tensor): Tensor {
  try {
    return loss();
  } catch (error) {
    const few = samples === 1 ? "one sample" : `${samples} samples`;
    throw new JobError(
      `graphJob: the job's loss() fails for ${few}: ${describeThrown(error)}; try more of them (samples: ${samples + 1})`,
      { cause: error },
    );
  }
}
