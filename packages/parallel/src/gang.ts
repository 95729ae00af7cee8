// The workers of one run as a group: started together, called together, ended together. The first failure, or death,
// of one ends the call for all. Must not know what the workers compute.
import type { MessagePort } from "node:worker_threads";
import { MessageChannel } from "node:worker_threads";
import { ShardgradError } from "@shardgrad/core";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { Piscina } from "piscina";
import type { Phase } from "./errors.ts";
import { deserializeError, JobError, NonFiniteError, WorkerError } from "./errors.ts";
import type { Notice, Outcome, WorkerApi, WorkerTask } from "./protocol.ts";

interface Member {
  api: Comlink.Remote<WorkerApi>;
  port: MessagePort;
  /** Settles when the worker's task ends: by `close`, or because the thread died. */
  task: Promise<unknown>;
}

/** What is known about a worker from outside, for the error when it dies. */
export type Whereabouts = (rank: number) => { step: number; phase: Phase };

type During = "prepare" | "run";
type Invoke = (api: Comlink.Remote<WorkerApi>, rank: number) => Promise<Outcome>;

function failure(rank: number, step: number, phase: Phase, cause: Error, during: During): Error {
  // What is wrong with a job, or with its data, is the same on every worker: not this one's fault.
  const atJob = during === "prepare" || ["gather", "reduce", "evaluate"].includes(phase);
  if (atJob && cause.name === "JobError") return new JobError(cause.message, { cause });
  // All workers come to it together, from the same numbers.
  if (cause.name === "NonFiniteError") return new NonFiniteError(cause.message, { cause });
  const place = during === "run" ? `in step ${step} (${phase})` : "while preparing";
  const known = cause.name === "Error" || cause instanceof ShardgradError;
  const reason = known ? cause.message : `${cause.name}: ${cause.message}`;
  return new WorkerError(`train: worker ${rank} failed ${place}: ${reason}`, rank, step, phase, cause);
}

/** Waits until all have ended, well or not; rejects then, with the error of the first that is not well. */
export async function allSettledOrThrow(promises: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(promises);
  await Promise.all(promises);
}

export class Gang {
  readonly #pool: Piscina;
  readonly #members: Member[];
  readonly #whereabouts: Whereabouts;

  /** Starts `workers` threads, each with one task that lasts as long as the gang. */
  constructor(workers: number, workerUrl: URL, whereabouts: Whereabouts) {
    this.#whereabouts = whereabouts;
    // Not "sync" atomics: an idle worker would block in Atomics.wait, and no Comlink call would reach it.
    this.#pool = new Piscina({
      filename: workerUrl.href,
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: 1,
      atomics: "disabled",
      recordTiming: false,
    });
    this.#members = Array.from({ length: workers }, () => {
      const { port1, port2 } = new MessageChannel();
      port1.on("message", (message: Partial<Notice>) => {
        if (message.notice !== undefined) process.stderr.write(`${message.notice}\n`);
      });
      // Piscina's type for the list is taken from the wrong overload of postMessage.
      const transfer = { transferList: [port2] } as unknown as Parameters<Piscina["run"]>[1];
      const task = this.#pool.run({ port: port2 } satisfies WorkerTask, transfer);
      // Watched in `call`; a death in between two calls must not be an unhandled rejection.
      task.catch(() => undefined);
      return { api: Comlink.wrap<WorkerApi>(nodeEndpoint(port1)), port: port1, task };
    });
  }

  /**
   * Makes one call to every worker and waits for all. A pending call never settles when its worker dies, so each is
   * raced against the worker's task.
   *
   * @throws WorkerError for the first worker that failed or died; the others are not waited for
   */
  async call(during: During, invoke: Invoke): Promise<void> {
    await Promise.all(this.#callEach(during, invoke));
  }

  /** The same, but waits for the others, too: for what a thread must not be ended in the middle of. */
  async callUninterrupted(during: During, invoke: Invoke): Promise<void> {
    await allSettledOrThrow(this.#callEach(during, invoke));
  }

  #callEach(during: During, invoke: Invoke): Promise<void>[] {
    return this.#members.map(async ({ api, task }, rank) => {
      const died = task.then(
        () => ({ message: "its thread's task ended early" }),
        (error: Error) => error,
      );
      const outcome = await Promise.race([invoke(api, rank), died]);
      if (!("ok" in outcome)) {
        const { step, phase } = this.#whereabouts(rank);
        throw failure(rank, step, phase, new Error(`the thread died: ${outcome.message}`), during);
      }
      if (outcome.ok) return;
      // Gave up because another worker failed: that one's error is the one to report.
      if (outcome.aborted) return await new Promise<never>(() => undefined);
      const { error, step, phase } = outcome;
      throw failure(rank, step, phase, deserializeError(error), during);
    });
  }

  /** Ends all threads, whatever they are doing. Nothing of them runs after the promise resolves. */
  async destroy(): Promise<void> {
    for (const { api, port } of this.#members) {
      api[Comlink.releaseProxy]();
      port.close();
    }
    await this.#pool.destroy();
  }
}
