// How much of the processor other programs used while something was measured.
import { cpus } from "node:os";

/** Milliseconds that all cores were busy since the system started. */
const busyMs = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);

/** Begins to watch. What it returns says how many threads of others were busy since then, as a mean. */
export function watchOthers(): () => number {
  const [busy, own, start] = [busyMs(), process.cpuUsage(), performance.now()];
  return () => {
    const { user, system } = process.cpuUsage(own);
    const others = busyMs() - busy - (user + system) / 1000;
    return Math.max(0, others / (performance.now() - start));
  };
}
