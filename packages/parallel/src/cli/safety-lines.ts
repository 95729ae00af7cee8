// What a person sees of checkpoints, and of a run that goes on after a failure.
import type { CheckpointEvent, RestartEvent, ResumeEvent } from "../events.ts";

function checkpointLines({ step, committed, path, error, notes }: CheckpointEvent): string[] {
  const outcome = committed === "yes" ? `step ${step} saved in ${path}` : error!.replace(/^checkpoint: /, "");
  return [`checkpoint  ${outcome}`, ...notes];
}

/** The lines that tell of one such event. */
export function safetyLines(event: CheckpointEvent | RestartEvent | ResumeEvent): string[] {
  if (event.type === "checkpoint") return checkpointLines(event);
  if (event.type === "resume") return [`resuming from step ${event.step}: ${event.path}`, ...event.notes];
  const { message, fromStep, restart, restarts } = event;
  return [`${message}; restarting from step ${fromStep} (${restart} of ${restarts})`];
}
