// The sum of gradients over machines, message by message: what simulate/cost-model.ts must agree with. Every machine has
// a thread, a way out and a way in, each of which does one thing at a time, in the order in which things become ready.
import type { Network } from "../src/simulate/cost-model.ts";

type Event = { at: number; then: (at: number) => void };

/** Seconds until every machine has the whole sum. */
export function simulatedExchange(bytes: number, blocks: readonly number[], network: Network): number {
  const { latencySeconds, bytesPerSecond, messageSeconds, threadBytesPerSecond, chunkBytes } = network;
  const machines = blocks.length;
  const all = blocks.reduce((sum, count) => sum + count, 0);
  const chunks = Math.ceil(bytes / machines / chunkBytes);
  const size = bytes / machines / chunks;
  const events: Event[] = [];
  const free = new Map<string, number>();
  let end = 0;

  const schedule = (at: number, then: Event["then"]) => {
    // Equal times in the order of their scheduling.
    const later = events.findIndex((event) => event.at > at);
    events.splice(later === -1 ? events.length : later, 0, { at, then });
  };
  const occupy = (resource: string, from: number, seconds: number, then: Event["then"]) => {
    const done = Math.max(from, free.get(resource) ?? 0) + seconds;
    free.set(resource, done);
    schedule(done, then);
  };
  const handling = messageSeconds + size / threadBytesPerSecond;
  const send = (from: number, to: number, at: number, then: Event["then"]) =>
    occupy(`thread ${from}`, at, handling, (ready) =>
      occupy(`out ${from}`, ready, size / bytesPerSecond, (sent) =>
        // The way in is busy while the way out is, a latency later.
        schedule(sent + latencySeconds - size / bytesPerSecond, (arriving) =>
          occupy(`in ${to}`, arriving, size / bytesPerSecond, (arrived) =>
            occupy(`thread ${to}`, arrived, handling, then),
          ),
        ),
      ),
    );
  const others = (machine: number) =>
    Array.from({ length: machines - 1 }, (_, i) => (machine + 1 + i) % machines);
  const missing = new Map<string, number>();
  for (let chunk = 0; chunk < chunks; chunk++) {
    for (let from = 0; from < machines; from++) {
      for (const to of others(from)) {
        for (let block = 0; block < blocks[from]!; block++) {
          send(from, to, 0, (at) => {
            const key = `${to} ${chunk}`;
            const left = (missing.get(key) ?? all - blocks[to]!) - 1;
            missing.set(key, left);
            if (left > 0) return;
            occupy(`thread ${to}`, at, ((all - 1) * size) / threadBytesPerSecond, (added) => {
              for (const other of others(to)) send(to, other, added, (got) => (end = Math.max(end, got)));
            });
          });
        }
      }
    }
  }
  for (let event = events.shift(); event; event = events.shift()) event.then(event.at);
  return end;
}
