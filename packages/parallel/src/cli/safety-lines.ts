// Reports checkpoints, recovery after a failure, and slow workers.
import type { CheckpointEvent, RestartEvent, ResumeEvent, StragglerEvent } from "../index.ts";

function checkpointLines({ step, committed, path, error, notes }: CheckpointEvent): string[] {
  const outcome = committed === "yes" ? `step ${step} saved in ${path}` : error!.replace(/^checkpoint: /, "");
  return [`checkpoint  ${outcome}`, ...notes];
}

function resumeLines({ path, step, changes, notes }: ResumeEvent): string[] {
  const outcome =
    path === undefined
      ? "no checkpoint to resume from: starting from the beginning"
      : `resuming from step ${step}: ${path}`;
  const changed = changes.length > 0 ? [`resumed with ${changes.join(", ")}`] : [];
  return [...notes, outcome, ...changed];
}

/** The lines for one such event. */
export function safetyLines(event: CheckpointEvent | RestartEvent | ResumeEvent | StragglerEvent): string[] {
  if (event.type === "checkpoint") return checkpointLines(event);
  if (event.type === "resume") return resumeLines(event);
  if (event.type === "straggler") {
    const { rank, ratio, steps } = event;
    return [
      `worker ${rank} is ${ratio.toFixed(1)}× slower than the median over ${steps} steps, and the others wait for it: is its core in use?`,
    ];
  }
  const { message, fromStep, restart, restarts } = event;
  return [`${message}; restarting from step ${fromStep} (${restart} of ${restarts})`];
}
