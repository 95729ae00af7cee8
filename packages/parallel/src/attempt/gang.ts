// The workers of one run as a group: called together, ended together. The first failure or death ends the call for all.
// Must not know what the workers compute, nor what they are (threads, or simulated workers).
import { ShardgradError } from "@shardgrad/core";
import type { Phase } from "../errors.ts";
import {
  deserializeError,
  JobError,
  MachineError,
  NonFiniteError,
  oneLine,
  placeOf,
  SnapshotError,
  WorkerError,
} from "../errors.ts";
import type { Outcome, WorkerApi } from "../protocol.ts";

/** One worker, seen from outside. */
export interface Member {
  readonly api: Pick<WorkerApi, "loadKernels" | "prepare" | "run">;
  /** Settles when the worker ends, for any reason. */
  readonly task: Promise<unknown>;
}

export interface Members {
  readonly members: readonly Member[];
  /** Ends all workers, whatever they are doing. After it resolves, none of them runs. */
  end(): Promise<void>;
}

/** What the coordinator knows about a worker, for the error if it dies. */
export type Whereabouts = (rank: number) => { who: string; step: number; phase: Phase };

type During = "prepare" | "run";
type Invoke = (api: Member["api"], rank: number) => Promise<Outcome>;

/** Which worker failed, and where. */
interface Place {
  rank: number;
  who: string;
  step: number;
  phase: Phase;
}

/** @param module where in the job's module, if it came from there */
function failure({ rank, who, step, phase }: Place, cause: Error, during: During, module = ""): Error {
  // An error in the job or its data is the same on every worker, so this worker's rank says nothing.
  const saysAll = cause.message.startsWith("train: ");
  const atJob = saysAll || during === "prepare" || ["gather", "reduce", "evaluate"].includes(phase);
  if (atJob && cause.name === "JobError") return new JobError(cause.message, { cause });
  // All workers find it together, from the same numbers.
  if (cause.name === "NonFiniteError") return new NonFiniteError(cause.message, { cause });
  if (cause.name === "SnapshotError") return new SnapshotError(cause.message, { cause });
  if (cause.name === "MachineError") return new MachineError(cause.message, { cause });
  const when = during === "run" ? `in step ${step} (${phase})` : "while preparing";
  // Our own messages say what is wrong; for other errors, the type and the place help.
  const kind = cause.name === "Error" ? "" : `${cause.name}: `;
  const reason = cause instanceof ShardgradError ? cause.message : `${kind}${cause.message}${module}`;
  return new WorkerError(`train: ${who} failed ${when}: ${oneLine(reason)}`, rank, step, phase, cause);
}

/** Waits until all have settled, then rejects with the first error if there is one. */
export async function allSettledOrThrow(promises: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(promises);
  await Promise.all(promises);
}

export class Gang {
  readonly #members: readonly Member[];
  readonly #end: () => Promise<void>;
  readonly #whereabouts: Whereabouts;
  /** The current call: what it is for, and which ranks have not answered. */
  readonly #pending = new Set<number>();
  #during: During = "prepare";

  constructor({ members, end }: Members, whereabouts: Whereabouts) {
    this.#members = members;
    this.#end = end;
    this.#whereabouts = whereabouts;
    // `call` watches this; a death between two calls must not become an unhandled rejection.
    for (const { task } of members) task.catch(() => undefined);
  }

  /** Ranks that have not answered the current call. */
  get pending(): ReadonlySet<number> {
    return this.#pending;
  }

  /**
   * Calls every worker and waits for all. A pending call never settles when its worker dies, so each call races against
   * the worker's task.
   *
   * @throws WorkerError for the first worker that failed or died, without waiting for the others
   */
  async call(during: During, invoke: Invoke): Promise<void> {
    await Promise.all(this.#callEach(during, invoke));
  }

  /** The same, but also waits for the others after a failure, because nothing may end a thread in the middle of this call. */
  async callUninterrupted(during: During, invoke: Invoke): Promise<void> {
    await allSettledOrThrow(this.#callEach(during, invoke));
  }

  /** The error for a worker, seen from outside. */
  failureOf(rank: number, reason: string): Error {
    return failure({ rank, ...this.#whereabouts(rank) }, new Error(reason), this.#during);
  }

  /** Ends all workers, whatever they are doing. After it resolves, none of them runs. */
  async destroy(): Promise<void> {
    await this.#end();
  }

  #callEach(during: During, invoke: Invoke): Promise<void>[] {
    this.#during = during;
    return this.#members.map(async ({ api, task }, rank) => {
      const died = task.then(
        () => ({ message: "its thread's task ended early" }),
        (error: Error) => error,
      );
      this.#pending.add(rank);
      const outcome = await Promise.race([invoke(api, rank), died]).finally(() => this.#pending.delete(rank));
      if (!("ok" in outcome)) throw this.failureOf(rank, `the thread died: ${outcome.message}`);
      if (outcome.ok) return;
      // It gave up because another worker failed: report that one's error.
      if (outcome.aborted) return await new Promise<never>(() => undefined);
      const { error, phase } = outcome;
      const { who, step: first } = this.#whereabouts(rank);
      // Before it is prepared, a worker does not know where it is to begin.
      const step = during === "prepare" ? first : outcome.step;
      throw failure({ rank, who, step, phase }, deserializeError(error), during, placeOf(error));
    });
  }
}
