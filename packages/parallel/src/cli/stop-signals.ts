// The signals that ask a run to end: it finishes the step that is under way, and saves.
//
//   SIGINT, SIGTERM, SIGBREAK   somebody wants it to end; twice, and it ends at once
//   SIGHUP                      the terminal has gone; often sent twice, by the kernel and by the shell
//   SIGUSR2                     what batch systems send before the time is over (Slurm), and what mpirun hands on
import { constants } from "node:os";

const names = ["SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP", "SIGUSR2"] as const;
export type StopSignal = (typeof names)[number];

const numbers: Partial<Record<string, number>> = constants.signals;
/** Those that this platform has: Windows has no SIGUSR2, and others no SIGBREAK. */
const known = names.filter((name) => numbers[name] !== undefined);
const insistent: readonly StopSignal[] = ["SIGINT", "SIGTERM", "SIGBREAK"];

/** What a process that a signal has ended exits with. */
export function exitCodeOf(signal: StopSignal | "SIGPIPE"): number {
  return 128 + (numbers[signal] ?? 0);
}

/**
 * Calls `stop` for the first signal, and `atOnce` for the second that insists, until the function that is returned is called.
 */
export function onStopSignals(
  stop: (signal: StopSignal) => void,
  atOnce: (signal: StopSignal) => void,
): () => void {
  let [asked, insisted] = [false, false];
  const heed = (signal: StopSignal) => {
    const insists = insistent.includes(signal);
    if (insists && insisted) return atOnce(signal);
    insisted ||= insists;
    if (!asked) stop(signal);
    asked = true;
  };
  for (const signal of known) process.on(signal, heed);
  return () => {
    for (const signal of known) process.off(signal, heed);
  };
}
