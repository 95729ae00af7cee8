// A worker fails in every phase of a step, in every way: the run ends with the bits of one in which nothing happened.
// What a user sees of it is the table in the package's README: `SHARDGRAD_UPDATE=1` writes it.
import { readFileSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import type { Worker } from "node:worker_threads";
import { BroadcastChannel } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Faults } from "./coordinator.ts";
import { coordinate } from "./coordinator.ts";
import { phases, WorkerError } from "./errors.ts";
import type { RestartEvent, TrainEvent } from "./events.ts";
import type { FaultKind } from "./fault.ts";
import { faultChannel } from "./fault.ts";
import type { TrainOptions } from "./options.ts";

const job = new URL("../../../test/jobs/dropout.ts", import.meta.url).href;
const workerUrl = new URL("../dist/worker.js", import.meta.url);
const readme = new URL("../README.md", import.meta.url);

const working = phases.filter((phase) => phase !== "idle");
const kinds: { how: FaultKind; called: string }[] = [
  { how: "process.exit", called: "`process.exit(7)`" },
  { how: "throw", called: '`throw new RangeError("injected")`' },
  { how: "throw null", called: "`throw null`" },
  { how: "heap exhaustion", called: "heap exhaustion" },
  { how: "terminate", called: "`terminate()` from outside" },
];

// 5 steps an epoch; step 10 ends one, so that it has every phase.
const step = 10;
const options = { shards: 8, epochs: 3, snapshotEvery: 2, kernels: "wasm" } as const;

async function run(more: TrainOptions, faults: Faults = []) {
  const events: TrainEvent[] = [];
  const publish = (event: TrainEvent) => events.push(event);
  const result = await coordinate(job, workerUrl, { ...options, ...more }, publish, () => false, faults);
  return {
    ...result,
    events,
    restarts: events.filter((event): event is RestartEvent => event.type === "restart"),
  };
}

const epochsOf = (events: TrainEvent[]) =>
  events.flatMap((event) => (event.type === "epoch" ? [[event.epoch, event.loss, event.metrics]] : []));

const threads = new Map<number, Worker>();
const started = (thread: Worker) => threads.set(thread.threadId, thread);
const channel = new BroadcastChannel(faultChannel);
channel.onmessage = ({ data }: { data: number }) => threads.get(data)?.terminate();

let expected: Awaited<ReturnType<typeof run>>;
beforeAll(async () => {
  process.on("worker", started);
  // New threads have small heaps, so that one is soon full.
  setFlagsFromString("--max-old-space-size=48");
  expected = await run({ workers: 1 });
});

afterAll(() => {
  process.off("worker", started);
  channel.close();
});

/** What is seen of each fault, by phase. */
const seen = new Map<string, string[]>();

describe.each(kinds)("$how", ({ how, called }) => {
  it.each(working.map((phase, index) => ({ phase, workers: 2 + (index % 3) })))(
    "in $phase, with $workers workers",
    async ({ phase, workers }) => {
      const rank = 1;
      const { restarts, weightsSha256, events, metrics } = await run({ workers }, [
        { rank, step, phase, how },
      ]);
      expect(restarts).toHaveLength(1);
      const { message, fromStep, ...rest } = restarts[0]!;
      expect(rest).toEqual({ type: "restart", rank, failedStep: step, phase, restart: 1, restarts: 3 });
      expect(fromStep).toBe(step - 2);
      expect(weightsSha256).toBe(expected.weightsSha256);
      expect(epochsOf(events)).toEqual(epochsOf(expected.events));
      expect(metrics).toEqual(expected.metrics);
      const told = seen.get(called) ?? [];
      seen.set(called, [
        ...told,
        `${message.replace(`(${phase})`, "(…)")}; restarting from step ${fromStep}`,
      ]);
    },
  );
});

it("alone, and while the coordinator averages", async () => {
  const fault = { rank: 0, step, phase: "update", how: "throw" } as const;
  expect((await run({ workers: 1 }, [fault])).weightsSha256).toBe(expected.weightsSha256);
  for (const how of ["throw", "process.exit"] as const) {
    const averaged = await run({ workers: 3, reduce: "coordinator" }, [{ ...fault, how }]);
    expect(averaged.weightsSha256).toBe(expected.weightsSha256);
  }
});

it("goes on after as many failures at different places as there are restarts", async () => {
  const faults = [3, 7, 12].map((step) => ({ rank: 0, step, phase: "forward", how: "throw" }) as const);
  const { restarts, weightsSha256 } = await run({ workers: 2 }, faults);
  expect(restarts.map(({ fromStep }) => fromStep)).toEqual([2, 6, 10]);
  expect(weightsSha256).toBe(expected.weightsSha256);
});

it.each([
  ["comes again at the same place", {}, [4, 4], 1],
  ["comes more often than there are restarts", { restarts: 1 }, [4, 8], 1],
  ["comes when there are to be no restarts", { restarts: 0 }, [4], 0],
])("a failure that %s ends the run with the first error", async (_, more, steps, restarts) => {
  const faults = steps.map((step) => ({ rank: 1, step, phase: "update", how: "throw" }) as const);
  const told: TrainEvent[] = [];
  const failed = coordinate(
    job,
    workerUrl,
    { ...options, workers: 2, ...more },
    (event) => told.push(event),
    () => false,
    faults,
  );
  const error = await failed.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(WorkerError);
  expect(error).toMatchObject({ rank: 1, step: 4, phase: "update" });
  expect((error as Error).message).toBe("train: worker 1 failed in step 4 (update): RangeError: injected");
  expect(told.filter(({ type }) => type === "restart")).toHaveLength(restarts);
});

it("the table in the README is what was seen", () => {
  const rows = kinds.map(({ called }) => {
    const told = seen.get(called)!;
    expect(told).toHaveLength(working.length);
    // The same in every phase.
    expect(new Set(told).size).toBe(1);
    return [called, `\`${told[0]!} (1 of 3)\``];
  });
  const table = [
    "| a worker's end, in each phase | what the user sees | what was lost |",
    "| --- | --- | --- |",
    ...rows.map(([called, message]) => `| ${called} | ${message} | nothing |`),
  ].join("\n");
  const [start, end] = ["<!-- faults -->\n\n", "\n\n<!-- /faults -->"];
  const text = readFileSync(readme, "utf8");
  const [from, to] = [text.indexOf(start) + start.length, text.indexOf(end)];
  if (process.env.SHARDGRAD_UPDATE) writeFileSync(readme, text.slice(0, from) + table + text.slice(to));
  else expect(text.slice(from, to).replace(/ +\|/g, " |").replace(/-{3,}/g, "---")).toBe(table);
});
