// The signals that ask a run to end: it finishes the current step and saves.
//
//   SIGINT, SIGTERM, SIGBREAK   a user or a program wants it to end; the second one ends it at once
//   SIGHUP                      the terminal has gone; the kernel and the shell often both send it
//   SIGUSR2                     batch systems (Slurm) send it before the time limit, and mpirun forwards it
import { constants } from "node:os";

const names = ["SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP", "SIGUSR2"] as const;
export type StopSignal = (typeof names)[number];

const numbers: Partial<Record<string, number>> = constants.signals;
/** Those that this platform has. Windows has no SIGUSR2; only Windows has SIGBREAK. */
const known = names.filter((name) => numbers[name] !== undefined);
const insistent: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGBREAK"];

/** Whether a second one of these ends the process at once. */
export const insists = (signal: StopSignal): boolean => insistent.includes(signal);

/** The exit code of a process that a signal ended. */
export function exitCodeOf(signal: StopSignal | "SIGPIPE"): number {
  return 128 + (numbers[signal] ?? 0);
}

/** Calls `stop` for the first signal, and `atOnce` for a second one that insists. The returned function ends this. */
export function onStopSignals(
  stop: (signal: StopSignal) => void,
  atOnce: (signal: StopSignal) => void,
): () => void {
  let [asked, insisted] = [false, false];
  const heed = (signal: StopSignal) => {
    if (insists(signal) && insisted) return atOnce(signal);
    insisted ||= insists(signal);
    if (!asked) stop(signal);
    asked = true;
  };
  for (const signal of known) process.on(signal, heed);
  return () => {
    for (const signal of known) process.off(signal, heed);
  };
}
