// The Piscina task: gives the coordinator a Comlink interface to this thread's replica, until it is closed.
// Errors travel as values (see protocol.ts). Must not know the coordinator.
import { Console } from "node:console";
import { flushCompileCache } from "node:module";
import type { MessagePort } from "node:worker_threads";
import { useKernels } from "@shardgrad/core";
import { openHeap } from "@shardgrad/core/engine";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { serializeError } from "../errors.ts";
import { configureJob } from "../job/define-job.ts";
import { originKey } from "../job/job-origin.ts";
import { importJob, requireOrigin } from "../job/load-job.ts";
import { loadedSources, requireSource } from "../job/sources.ts";
import type { RunKernels } from "../plan/run-kernels.ts";
import { loadKernels } from "../plan/run-kernels.ts";
import type { Notice, Outcome, WorkerApi, WorkerSetup, WorkerTask } from "../protocol.ts";
import { AbortedError } from "../shared/barrier.ts";
import { Replica } from "./replica.ts";

function serve(port: MessagePort, closed: () => void): WorkerApi {
  let replica: Replica | undefined;
  let firstStep = 1;

  const attempt = async (body: () => void | Promise<void>): Promise<Outcome> => {
    try {
      await body();
      return { ok: true };
    } catch (error) {
      if (error instanceof AbortedError) return { ok: false, aborted: true };
      replica?.abort();
      return {
        ok: false,
        aborted: false,
        error: serializeError(error),
        step: replica?.stepUnderWay ?? firstStep,
        phase: replica?.phase ?? "idle",
      };
    }
  };

  return {
    identify: async (jobUrl: string) => {
      try {
        return { origin: originKey(await importJob(jobUrl)) };
      } catch (error) {
        return { error: serializeError(error) };
      }
    },
    loadKernels: (kernels: RunKernels) => attempt(() => loadKernels(kernels)),
    prepare: async (setup: WorkerSetup) => {
      const outcome = await attempt(async () => {
        firstStep = setup.state.step + 1;
        openHeap({ memory: setup.memory, ...setup.arena });
        useKernels(setup.kernels);
        // Not by process.stderr: a thread that is computing gets no further than its first line.
        const notify = (line: string) => port.postMessage({ notice: line } satisfies Notice);
        const loading = importJob(setup.jobUrl);
        await loading.catch(() => undefined);
        // What was changed may be no job any more; why not is the better thing to say.
        requireSource(setup.sources, loadedSources());
        const job = await loading;
        if (setup.jobOrigin !== undefined) requireOrigin(setup.jobUrl, job, setup.jobOrigin);
        replica = new Replica(setup, configureJob(job, setup.context), notify);
        // For the threads of later runs; one that is ended does it no more.
        flushCompileCache();
      });
      return outcome.ok ? { ...outcome, sources: loadedSources() } : outcome;
    },
    run: () => attempt(() => replica!.run()),
    close: () => {
      port.close();
      closed();
    },
  };
}

export default function work({ port, argv }: WorkerTask): Promise<{ ok: true }> {
  // Before any module of the job reads it.
  process.argv.splice(0, process.argv.length, ...argv);
  // Standard output is the main thread's, which may be speaking JSON there.
  globalThis.console = new Console(process.stderr, process.stderr);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  return new Promise((resolve) => {
    Comlink.expose(
      serve(port, () => resolve({ ok: true })),
      nodeEndpoint(port),
    );
  });
}
