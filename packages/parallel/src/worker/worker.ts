// The thread that computes: offers the coordinator a Comlink interface to its part of a run, until it is closed. Errors
// travel as values (see protocol.ts). Must not know the coordinator.
import { Console } from "node:console";
import * as nodeModule from "node:module";
import type { MessagePort } from "node:worker_threads";
import { useKernels } from "@shardgrad/core";
import { heap, openHeap } from "@shardgrad/core/engine";
import * as Comlink from "comlink";
import nodeEndpoint from "comlink/dist/esm/node-adapter.mjs";
import { serializeError } from "../errors.ts";
import { configureJob } from "../job/define-job.ts";
import { originKey } from "../job/job-origin.ts";
import { importJob, requireOrigin } from "../job/load-job.ts";
import { loadedSources, requireSource } from "../job/sources.ts";
import type { TransportPackage } from "../machines/transport.ts";
import type { RunKernels } from "../plan/run-kernels.ts";
import { loadKernels } from "../plan/run-kernels.ts";
import { loadWideKernels } from "../plan/wide-memory.ts";
import type { LinkSetup, Notice, Outcome, WorkerApi, WorkerSetup, WorkerTask } from "../protocol.ts";
import { isLink } from "../protocol.ts";
import { AbortedError } from "../shared/words/barrier.ts";
import { drive } from "./drive.ts";
import type { LinkThread } from "./link-thread.ts";
import { driveLink, setUpLink } from "./link-thread.ts";
import { setUp } from "./set-up.ts";
import { stepLoop } from "./step-loop.ts";
import type { PhaseListener } from "./whereabouts.ts";
import type { Worker } from "./worker-parts.ts";

/**
 * The outcome of a call. A worker that fails makes all others give up.
 *
 * @param firstStep the step to report if the worker is not set up yet
 */
export async function outcomeOf(
  body: () => void | Promise<void>,
  worker: () => Worker | LinkThread | undefined,
  firstStep: number,
): Promise<Outcome> {
  try {
    await body();
    return { ok: true };
  } catch (error) {
    if (error instanceof AbortedError) return { ok: false, aborted: true };
    const failed = worker();
    failed?.barrier.abort(failed.setup.rank);
    failed?.reduceBarrier.abort(failed.setup.rank);
    const { step, phase } = failed?.where ?? { step: firstStep, phase: "idle" };
    return { ok: false, aborted: false, error: serializeError(error), step, phase };
  }
}

function serve(port: MessagePort, entered: PhaseListener | undefined, closed: () => void): WorkerApi {
  let worker: Worker | undefined;
  let link: LinkThread | undefined;
  let firstStep = 1;
  const attempt = (body: () => void | Promise<void>) => outcomeOf(body, () => worker ?? link, firstStep);
  const takeMemory = async ({ memory, arena, kernels, begin }: WorkerSetup | LinkSetup) => {
    firstStep = begin.state.step + 1;
    if (openHeap({ memory, ...arena }).isWide) await loadWideKernels();
    useKernels(kernels);
  };
  return {
    identify: async (jobUrl: string) => {
      try {
        return { origin: originKey(await importJob("train", jobUrl)) };
      } catch (error) {
        return { error: serializeError(error) };
      }
    },
    loadKernels: (kernels: RunKernels) => attempt(() => loadKernels(kernels)),
    prepare: async (setup: WorkerSetup | LinkSetup) => {
      if (isLink(setup)) {
        return await attempt(async () => {
          await takeMemory(setup);
          const { openTransport }: TransportPackage = await import(setup.transportUrl);
          const { machine, workers } = setup.plan.machines;
          const launch = { machine, machines: workers.length };
          const transport = openTransport(heap().buffer as SharedArrayBuffer, launch);
          link = setUpLink(setup, transport);
        });
      }
      const outcome = await attempt(async () => {
        const { url, origin, sources, context } = setup.job;
        await takeMemory(setup);
        // Not process.stderr: a thread that keeps computing delivers only its first line.
        const notify = (line: string) => port.postMessage({ notice: line } satisfies Notice);
        const loading = importJob("train", url);
        await loading.catch(() => undefined);
        // The changed file may no longer be a job; the change is the better explanation.
        requireSource(sources, loadedSources());
        const job = await loading;
        if (origin !== undefined) requireOrigin(url, job, origin);
        worker = setUp(setup, configureJob(job, context), { notify, entered });
        // Fills the compile cache for later runs; a terminated thread would not write it.
        nodeModule.flushCompileCache?.();
      });
      return outcome.ok ? { ...outcome, sources: loadedSources() } : outcome;
    },
    run: () =>
      attempt(async () => {
        if (link) return driveLink(link);
        const { where, control } = worker!;
        await drive(stepLoop(worker!), where, control);
      }),
    close: () => {
      port.close();
      closed();
    },
  };
}

/**
 * The Piscina task: serves one run.
 *
 * @param entered called for each phase that begins; for tests
 */
export default function work({ port, argv }: WorkerTask, entered?: PhaseListener): Promise<{ ok: true }> {
  // Before any module of the job reads it.
  process.argv.splice(0, process.argv.length, ...argv);
  // Standard output belongs to the main thread, which may write JSON there.
  globalThis.console = new Console(process.stderr, process.stderr);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  return new Promise((resolve) => {
    Comlink.expose(
      serve(port, entered, () => resolve({ ok: true })),
      nodeEndpoint(port),
    );
  });
}
