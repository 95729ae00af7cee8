// `bench kernels`: every kernel by itself, without a model; and the cost of a barrier and of a native call.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { usableCores } from "@shardgrad/parallel/engine";
import { defaultWorkerCounts, describeMachine, spreadOf } from "shardgrad/measure";
import { machineReport } from "../machine-report.ts";
import type { OutputOptions } from "../options.ts";
import { announce, deliver } from "../output.ts";
import { startWaits } from "./barrier.ts";
import { kernelReport } from "./kernel-report.ts";
import type { FoundKernels } from "./kernel-sets.ts";
import { findKernels } from "./kernel-sets.ts";
import type { KernelThread } from "./kernel-thread.ts";
import type { KernelRow } from "./measure-kernels.ts";
import { isWanted, measureKernels } from "./measure-kernels.ts";
import { nativeCall } from "./native-call.ts";
import { alone, callsPerStretch, meetingOf, msPerCall, together } from "./pace.ts";

export interface KernelOptions extends OutputOptions {
  /** Only cases whose name or shape contains it. */
  only: string;
  /** Threads that measure the same at the same time. */
  threads: number;
}

/** The cases, on so many threads at once. */
async function kernelRows(
  kernels: FoundKernels,
  { only, rounds, threads }: KernelOptions,
): Promise<KernelRow[]> {
  if (threads === 1) return measureKernels(kernels, { only, rounds, announce, pace: alone });
  const meeting = meetingOf(threads);
  const others = Array.from({ length: threads - 1 }, (_, i) => {
    const workerData: KernelThread = { meeting, rank: i + 1, only, rounds };
    return new Worker(new URL("./kernel-thread.ts", import.meta.url), { workerData });
  });
  const ended = Promise.allSettled(others.map((thread) => once(thread, "exit")));
  // Node starts threads while the main one is free.
  await Promise.all(others.map((thread) => once(thread, "online")));
  const pace = together(meeting, 0);
  try {
    return measureKernels(kernels, { only, rounds, announce, pace });
  } catch (error) {
    pace.abort();
    const failed = (await ended).find(({ status }) => status === "rejected") as
      | PromiseRejectedResult
      | undefined;
    // What ended this thread may be the failure of another.
    throw (error as Error).name === "AbortedError" && failed ? failed.reason : error;
  } finally {
    await ended;
  }
}

/** A row for something that neither computes nor moves data. */
function callRow(kernel: string, shape: string, times: readonly number[]): KernelRow {
  const none = { threads: 1, gflops: null, gigabytesPerSecond: null, peak: null, peakShare: null };
  return { kernel, shape, who: "shardgrad", msPerCall: spreadOf(times), rounds: times.length, ...none };
}

/** Alternates between spinning, if every thread can have a core, and sleeping. */
async function barrierRows(parties: number, rounds: number): Promise<KernelRow[]> {
  const ways = parties <= usableCores() ? [true, false] : [false];
  // One more stretch than measured, to compile everything.
  const groups = await Promise.all(ways.map((spin) => startWaits(parties, spin, rounds + 1)));
  const times = groups.map(({ stretch }) => [stretch()].slice(1));
  for (let round = 0; round < rounds; round++) {
    for (const [i, { stretch }] of groups.entries()) times[i]!.push(stretch());
  }
  await Promise.all(groups.map(({ ended }) => ended));
  return ways.map((spin, i) =>
    callRow("barrier", `${parties} threads, ${spin ? "spinning" : "sleeping"}`, times[i]!),
  );
}

function nativeCallRows(call: () => void, rounds: number): KernelRow[] {
  const count = callsPerStretch(call);
  return [
    callRow(
      "native call",
      "abs, through koffi",
      Array.from({ length: rounds }, () => msPerCall(call, count)),
    ),
  ];
}

export async function benchKernels(options: KernelOptions): Promise<void> {
  const { rounds, only } = options;
  const kernels = findKernels();
  const missing = [...kernels.missing];
  const machine = describeMachine(kernels.found);
  const rows = await kernelRows(kernels, options);
  for (const parties of defaultWorkerCounts(Math.max(2, machine.cores)).filter((count) => count > 1)) {
    if (isWanted(only, "barrier", `${parties} threads`)) rows.push(...(await barrierRows(parties, rounds)));
  }
  if (isWanted(only, "native call", "koffi")) {
    const call = nativeCall();
    if (typeof call === "function") rows.push(...nativeCallRows(call, rounds));
    else missing.push(`native call: ${call.reason}`);
  }
  const report = ["# Kernels", machineReport(machine), kernelReport(rows, missing)].join("\n\n");
  deliver(
    report,
    rows.map((row) => ({ ...row, machine })),
    options,
  );
}
