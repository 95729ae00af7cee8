// The thread of the link (machines/link.ts): connects it, and waits where its loop pauses. It sleeps in the barrier as
// long as the workers compute, and still tells other machines from time to time that this one is alive.
import { heap } from "@shardgrad/core/engine";
import type { Phase } from "../errors.ts";
import { Connection } from "../machines/connection.ts";
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
export interface LinkSurroundings {
  nowMs: () => number;
  /** What it waits on, and calls `look` from time to time meanwhile. */
  words: (control: Control, look: () => void) => SharedWords;
}

/** The machine's own. */
export const linkSurroundings: LinkSurroundings = {
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

/** @throws AbortedError once a worker has failed */
export function requireGoingOn(control: Control): void {
  if (control.load("abort") !== 0) throw new AbortedError("another worker failed");
}

/** Like a worker at a barrier, it gives no sign of life meanwhile. */
export function waitForWorkers({ control, setup, where }: LinkThread): void {
  if (where.phase === "barrier") return;
  where.phase = "barrier";
  control.setPhase(setup.rank, "barrier", where.step);
}

/** Drives the loop of a link on its own thread. */
export function driveLink(thread: LinkThread): void {
  const { link, control, setup, where } = thread;
  const { rank } = setup;
  let looks = 0;
  for (const pause of link.loop()) {
    if (pause === "workers") {
      requireGoingOn(control);
      waitForWorkers(thread);
      rest(control, busyRestMs);
      looks = 0;
    } else if (pause === "network") {
      requireGoingOn(control);
      const allWait = control.load("reduceArrived") === setup.plan.workers;
      if (++looks < mostLooks && allWait) continue;
      control.beat(rank);
      rest(control, allWait ? Math.min(mostRestMs, restMs * (1 + looks / 256)) : busyRestMs);
    } else if (pause instanceof Barrier) {
      where.phase = "barrier";
      control.setPhase(rank, "barrier", where.step);
      pause.wait();
      where.step = control.load("orderStep");
      looks = 0;
    } else {
      where.phase = pause;
      control.setPhase(rank, pause, where.step);
      looks = 0;
    }
  }
}
