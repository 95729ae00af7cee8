// The threads behind a gang: a Piscina pool with one task per thread, which lasts as long as the gang. Each has a
// Comlink interface. Must not know what the workers compute, nor what becomes of them.
import * as nodeModule from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { MessagePort } from "node:worker_threads";
import { MessageChannel } from "node:worker_threads";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { Piscina } from "piscina";
import { describeThrown, deserializeError, oneLine } from "../errors.ts";
import { explainPiscina } from "../own-folder.ts";
import type { Notice, WorkerApi, WorkerTask } from "../protocol.ts";
import type { Member, Members } from "./gang.ts";
import type { Launch } from "./launch.ts";

interface Thread extends Member {
  api: Comlink.Remote<WorkerApi>;
  port: MessagePort;
}

/**
 * Threads start with Node.js's compile cache, so that they need not compile the packages and strip the job's types
 * again. This halves a thread's start-up time. Deno has a cache of its own.
 */
function environment({ env }: Launch): NodeJS.ProcessEnv {
  const { NODE_COMPILE_CACHE = nodeModule.getCompileCacheDir?.() ?? join(tmpdir(), "node-compile-cache") } =
    env;
  return { ...env, NODE_COMPILE_CACHE };
}

function openPool(options: ConstructorParameters<typeof Piscina>[0]): Piscina {
  try {
    return new Piscina(options);
  } catch (error) {
    throw explainPiscina("train", error);
  }
}

/** Starts `workers` threads. */
export function startThreads(workers: number, launch: Launch): Members {
  // Not "sync" atomics: an idle worker would block in Atomics.wait, and no Comlink call would reach it.
  const pool = openPool({
    filename: launch.workerUrl.href,
    minThreads: workers,
    maxThreads: workers,
    concurrentTasksPerWorker: 1,
    atomics: "disabled",
    recordTiming: false,
    env: environment(launch),
  });
  // An error after a thread's task is over, such as from a job's timer. The run has its result by then, or soon will.
  pool.on("error", (error: unknown) => {
    process.stderr.write(`train: a thread threw after its work was done: ${describeThrown(error)}\n`);
  });
  const start = (): Thread => {
    const { port1, port2 } = new MessageChannel();
    port1.on("message", (message: Partial<Notice>) => {
      if (message.notice !== undefined) process.stderr.write(`${oneLine(message.notice)}\n`);
    });
    // Piscina derives the type of the list from the wrong overload of postMessage.
    const transfer = { transferList: [port2] } as unknown as Parameters<Piscina["run"]>[1];
    const task = pool.run({ port: port2, argv: launch.argv } satisfies WorkerTask, transfer);
    return { api: Comlink.wrap<WorkerApi>(nodeEndpoint(port1)), port: port1, task };
  };
  const threads = Array.from({ length: workers }, start);
  const end = async () => {
    for (const { api, port } of threads) {
      api[Comlink.releaseProxy]();
      port.close();
    }
    await pool.destroy();
  };
  return { members: threads, end };
}

/**
 * Asks a new thread, which imports the module for this, where the job of a launch was defined.
 *
 * @throws JobError if the module cannot be imported, or exports no job
 */
export async function identifyJob(launch: Launch): Promise<string | undefined> {
  const { members, end } = startThreads(1, launch);
  const [thread] = members as [Thread];
  try {
    const died = thread.task.then(() => ({ origin: undefined }));
    const found = await Promise.race([thread.api.identify(launch.jobUrl), died]);
    if ("error" in found) throw deserializeError(found.error);
    return found.origin;
  } finally {
    await end();
  }
}
