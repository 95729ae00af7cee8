// The result of a run: its last event, and the model, made independent of the run's memory.
import { createHash } from "node:crypto";
import type { AnyModule } from "@shardgrad/core";
import { Storage } from "@shardgrad/core/engine";
import type { BestCheckpoint, EndEvent } from "../events.ts";
import { EarlyStopping } from "../job/early-stopping.ts";
import { tensorBytes } from "../shared/arrays/model-places.ts";
import { trainedTensors, untrainedTensors } from "../shared/arrays/untrained.ts";
import { timesPhases } from "../shared/layout.ts";
import { readPhases } from "../shared/tables/phase-clock.ts";
import type { Run } from "./prepare-run.ts";
import type { Progress } from "./progress.ts";

/** The last event. The model must still use the run's shared weights. */
export function endEvent(
  run: Run,
  progress: Progress,
  { best, out }: { best: BestCheckpoint | undefined; out: string | undefined },
): EndEvent {
  const { control, plan, model } = run;
  const { seconds, samplesPerSecond, waitShare } = progress;
  const steps = control.load("step");
  return {
    type: "end",
    steps,
    seconds,
    samplesPerSecond,
    waitShare,
    captured: plan.capture && control.load("eager") === 0,
    ...progress.metricsOf(steps),
    weightsSha256: hashWeights(model),
    stopped: steps < plan.steps,
    ...(control.load("endedEarly") && { stoppedEarly: whyEndedEarly(run, progress) }),
    skipped: control.load("skipped"),
    ...(timesPhases(plan, run.layout) && { phaseMs: readPhases(run.layout.phases) }),
    ...(best && { best }),
    ...(out === undefined ? {} : { out }),
  };
}

/** SHA-256 over the bytes of the trained parameters, then of frozen ones and buffers, in order. */
function hashWeights(model: AnyModule): string {
  const hash = createHash("sha256");
  for (const [, x] of [...trainedTensors(model), ...untrainedTensors(model)])
    hash.update(new Uint8Array(x.toArray().buffer));
  return hash.digest("hex");
}

/** Repeats the workers' decision from the records of the epochs. */
function whyEndedEarly({ plan, metrics, control, begun }: Run, progress: Progress): string {
  const stopping = new EarlyStopping(plan.rules.earlyStopping!, metrics.metrics);
  for (let epoch = begun.observeFrom; epoch < control.load("epochs"); epoch++)
    stopping.observe(progress.recordOf(epoch));
  return stopping.reason;
}

/** Makes the model independent of the run's memory. */
export function detachModel(model: AnyModule): void {
  for (const [, parameter] of trainedTensors(model)) {
    parameter.grad?.dispose();
    parameter.grad = null;
    parameter.moveTo(Storage.allocate(parameter.size * 4, "model"));
  }
  for (const [, x] of untrainedTensors(model)) x.moveTo(Storage.allocate(tensorBytes(x), "model"));
}
