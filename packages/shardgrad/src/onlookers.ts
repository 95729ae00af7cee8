// Who looks on at a run, by its options. Loaded only when a run has any of them: workers import this package with their
// job, and need none of it.
import type { Onlooker } from "@shardgrad/parallel/command";
import { LogFolder } from "./log/log-folder.ts";
import { ReportFile } from "./report/report-file.ts";
import { RunStory } from "./report/run-story.ts";
import { TraceFile } from "./trace/trace-file.ts";
import { WatchServer } from "./watch/watch-server.ts";
import type { TrainOptions } from "./watch-options.ts";

/** The onlookers of a run. Each is told everything, in this order: the story before those who tell it. */
export function onlookersFor(job: string | URL, options: TrainOptions): Onlooker[] {
  const { log, report, watch, trace, resume = false } = options;
  const story = new RunStory(job, { ...options });
  const onlookers: Onlooker[] = [];
  if (log !== undefined) onlookers.push(new LogFolder(log, resume !== false));
  if (trace !== undefined) onlookers.push(new TraceFile(trace));
  const watches = watch !== undefined && watch !== false;
  if (report !== undefined || watches) onlookers.push(story);
  if (report !== undefined) onlookers.push(new ReportFile(report, story));
  if (watches) onlookers.push(new WatchServer(watch === true ? 0 : watch, story));
  return onlookers;
}

/** Lets all of them begin; if one refuses, those before it end. */
export async function beginAll(onlookers: readonly Onlooker[]): Promise<void> {
  let begun = 0;
  try {
    for (const onlooker of onlookers) {
      await onlooker.begin?.();
      begun++;
    }
  } catch (error) {
    for (const onlooker of onlookers.slice(0, begun)) await onlooker.end?.({ error });
    throw error;
  }
}
