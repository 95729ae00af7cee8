// The thread of the link (machines/link.ts): connects it, and waits where its loop pauses. It sleeps in the barrier as
// long as the workers compute, and still tells other machines from time to time that this one is alive.
import { heap } from "@shardgrad/core/engine";
import type { Phase } from "../errors.ts";
import { Connection } from "../machines/connection.ts";
import type { LinkPause } from "../machines/link.ts";
import { Link } from "../machines/link.ts";
import type { Transport } from "../machines/transport.ts";
import type { LinkSetup } from "../protocol.ts";
import type { SharedWords } from "../shared/words/barrier.ts";
import { AbortedError, Barrier, LookingWords, rest } from "../shared/words/barrier.ts";
import { Control } from "../shared/words/control.ts";

/**
 * While all workers wait for the network, the link looks often: some times at once, then with short rests. While they
 * compute, each look may take a core from one of them, for longer than it lasts.
 */
const mostLooks = 16;
const [restMs, mostRestMs, busyRestMs] = [0.05, 0.5, 0.4];

/** A link with its connection, and where it is. */
export interface LinkThread {
  readonly setup: LinkSetup;
  readonly link: Link;
  readonly connection: Connection;
  readonly control: Control;
  /** That of the workers, which it does not wait at, and its own with them. */
  readonly barrier: Barrier;
  readonly reduceBarrier: Barrier;
  /** As of a worker, for its errors. */
  readonly where: { step: number; phase: Phase };
}

/** What the host of a link provides. */
interface LinkSurroundings {
  nowMs: () => number;
  /** The words that it waits on; whoever waits calls `look` from time to time. */
  words: (control: Control, look: () => void) => SharedWords;
}

/** The machine's own. */
const linkSurroundings: LinkSurroundings = {
  nowMs: () => performance.now(),
  words: ({ view }, look) => new LookingWords(view, look),
};

export function setUpLink(
  setup: LinkSetup,
  transport: Transport,
  { nowMs, words }: LinkSurroundings = linkSurroundings,
): LinkThread {
  const { plan, layout, metrics, testSamples, begin } = setup;
  const control = new Control(heap().int32, layout.control);
  const connection = new Connection(transport, { nowMs, silenceMs: plan.stallSeconds * 1000 });
  // No sign of life for its own machine: where all workers wait as well, somebody hangs.
  const look = () => connection.look();
  const reduceBarrier = new Barrier(
    control,
    { parties: plan.workers + 1, spin: false, words: ["reduceArrived", "reduceGeneration"] },
    words(control, look),
  );
  const evaluated = metrics.metrics.length > 0 ? { plan: metrics, samples: testSamples } : undefined;
  const barrier = new Barrier(control, { parties: plan.workers, spin: false }, words(control, look));
  const { machines, workers } = plan;
  const parts = {
    layout,
    machines,
    workers,
    metrics: evaluated,
    control,
    barrier: reduceBarrier,
    connection,
  };
  const link = new Link(parts);
  const where: LinkThread["where"] = { step: begin.state.step + 1, phase: "idle" };
  return { setup, link, connection, control, barrier, reduceBarrier, where };
}

/**
 * Notes where a link is while it pauses.
 *
 * @throws AbortedError once a worker has failed
 */
export function notePause({ control, setup, where }: LinkThread, pause: LinkPause): void {
  const waits = pause === "workers" || pause === "network";
  if (waits && control.load("abort") !== 0) throw new AbortedError("another worker failed");
  if (pause === "network") {
    control.beat(setup.rank);
    return;
  }
  // Like a worker at a barrier, it gives no sign of life while it waits for workers.
  const phase = pause === "workers" || pause instanceof Barrier ? "barrier" : pause;
  if (pause === "workers" && where.phase === phase) return;
  where.phase = phase;
  control.setPhase(setup.rank, phase, where.step);
}

/** Drives the loop of a link on its own thread. */
export function driveLink(thread: LinkThread): void {
  const { link, control, setup, where } = thread;
  let looks = 0;
  for (const pause of link.loop()) {
    notePause(thread, pause);
    if (pause === "network") {
      const allWait = control.load("reduceArrived") === setup.plan.workers;
      if (++looks < mostLooks && allWait) continue;
      rest(control, allWait ? Math.min(mostRestMs, restMs * (1 + looks / 256)) : busyRestMs);
      continue;
    }
    looks = 0;
    if (pause === "workers") rest(control, busyRestMs);
    else if (pause instanceof Barrier) {
      pause.wait();
      where.step = control.load("orderStep");
    }
  }
}
