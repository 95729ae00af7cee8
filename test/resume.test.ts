// Stop and resume: an interrupted run ends with the bits of an uninterrupted one.
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { scope, writeSafetensors, zeros } from "@shardgrad/core";
import type { EpochEvent, TrainEvent, TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signalAtCheckpoint, startCommand } from "./start-command.ts";
import { writeJob } from "./write-job.ts";

const job = new URL("./jobs/dropout.ts", import.meta.url);
const root = mkdtempSync(join(tmpdir(), "shardgrad-resume-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const newDirectory = () => join(root, String(count++));

const stepsIn = (directory: string) => readdirSync(directory).filter((name) => name.startsWith("step-"));

// 25 steps an epoch.
const common = { kernels: "wasm", shards: 8, batchSize: 8, epochs: 4 } as const;

async function run(options: TrainOptions) {
  const events: TrainEvent[] = [];
  const running = train(job, { ...common, ...options });
  for await (const event of running) events.push(event);
  const epochs = events.flatMap((event) => (event.type === "epoch" ? [event] : []));
  return {
    ...(await running),
    events,
    losses: epochs.map(({ epoch, loss, metrics }) => ({ epoch, loss, metrics })),
  };
}

it("a run that `steps` ended early had the schedule of the whole run", async () => {
  const scheduled = writeJob(`
    import job from ${JSON.stringify(fileURLToPath(job))};
    import { Adam, cosineSchedule } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    export default defineJob({ ...job,
      optimizer: (parameters, { steps }) => new Adam(parameters, { lr: cosineSchedule({ lr: 0.01, steps }) }) });`);
  const changesOf: string[][] = [];
  const trained = async (options: TrainOptions) => {
    const running = train(scheduled, { ...common, workers: 1, ...options });
    running.on("resume", ({ changes }) => changesOf.push([...changes]));
    return (await running).weightsSha256;
  };
  const uninterrupted = await trained({});
  const checkpoint = { directory: newDirectory() };
  await trained({ steps: 33, checkpoint });
  expect(await trained({ checkpoint, resume: "must" })).toBe(uninterrupted);
  // One with more epochs has another schedule, and says so.
  await trained({ epochs: 5, checkpoint, resume: "must" });
  const lr = "from 0.01 by a function of";
  expect(changesOf).toEqual([
    [],
    [
      expect.stringMatching(
        new RegExp(`^lr ${lr} 125 steps \\(\\w{8}\\) instead of ${lr} 100 steps \\(\\w{8}\\)$`),
      ),
    ],
  ]);
});

let expected: Awaited<ReturnType<typeof run>>;
beforeAll(async () => {
  expected = await run({ workers: 1 });
});

describe("a run that ended after so many steps is resumed on other workers", () => {
  it.each([
    { steps: 33, workers: 1, resumedOn: 3 },
    { steps: 50, workers: 4, resumedOn: 1 },
    { steps: 99, workers: 2, resumedOn: 5 },
  ])("%o", async ({ steps, workers, resumedOn }) => {
    const checkpoint = { directory: newDirectory(), everySteps: 10 };
    await run({ workers, steps, checkpoint, resume: true });
    const resumed = await run({ workers: resumedOn, checkpoint, resume: "must" });
    expect(resumed.events.find(({ type }) => type === "resume")).toMatchObject({ step: steps, notes: [] });
    expect(resumed.weightsSha256).toBe(expected.weightsSha256);
    // Also the report of an epoch that one run began and the other ended.
    expect(resumed.losses).toEqual(expected.losses.slice(Math.floor(steps / 25)));
    // A finished run has nothing left to do.
    const again = await run({ workers: 1, checkpoint, resume: true });
    expect([again.weightsSha256, again.losses]).toEqual([expected.weightsSha256, []]);
    expect(again.metrics).toMatchObject(expected.metrics);
  });
});

it("a damaged checkpoint is passed over, and told", async () => {
  const directory = newDirectory();
  await run({ workers: 2, steps: 30, checkpoint: { directory } });
  await run({ workers: 2, steps: 40, checkpoint: { directory }, resume: true });
  writeFileSync(join(directory, "step-0000000040", "model.safetensors"), "");
  const { events, weightsSha256 } = await run({ workers: 2, checkpoint: { directory }, resume: true });
  const notes = [expect.stringMatching(/step-0000000040 is damaged .*; step-0000000030 is used/)];
  expect(events.find(({ type }) => type === "resume")).toMatchObject({ step: 30, notes });
  expect(weightsSha256).toBe(expected.weightsSha256);
});

it("where all checkpoints are damaged, or there is none, a run says so and begins anew", async () => {
  const directory = newDirectory();
  const checkpoint = { directory, everySteps: 10 };
  const resumeOf = ({ events }: Awaited<ReturnType<typeof run>>) =>
    events.filter(({ type }) => type === "resume");
  const first = await run({ workers: 2, steps: 30, checkpoint, resume: true });
  expect(resumeOf(first)).toEqual([{ type: "resume", step: 0, epoch: 0, changes: [], notes: [] }]);
  const saved = stepsIn(directory).reverse();
  for (const name of saved) writeFileSync(join(directory, name, "model.safetensors"), "");
  const anew = await run({ workers: 2, checkpoint, resume: true });
  const notes = saved.map((name) => expect.stringMatching(`${name} is damaged .*; there is no other`));
  expect(resumeOf(anew)).toEqual([{ type: "resume", step: 0, epoch: 0, changes: [], notes }]);
  expect(anew.weightsSha256).toBe(expected.weightsSha256);
});

/** Its best value is in the first epoch. */
const backwards = writeJob(`
  import job from ${JSON.stringify(fileURLToPath(job))};
  import { defineJob } from "@shardgrad/parallel";
  const { perSample } = job.metrics.accuracy;
  export default defineJob({ ...job, metrics: { mistakes: { perSample, direction: "min" } } });`);

it("keeps the newest, and the best: no epoch is missed for it, and no step within one counts", async () => {
  const directory = newDirectory();
  const checkpoint = { directory, everySteps: 7, keep: 1, best: { metric: "mistakes" } };
  const epochs: EpochEvent[] = [];
  const { best } = await train(backwards, { ...common, workers: 2, epochs: 8, checkpoint }).on(
    "epoch",
    (epoch) => epochs.push(epoch),
  );
  expect(stepsIn(directory)).toEqual(["step-0000000025", "step-0000000200"]);
  const { mistakes } = epochs[0]!.metrics;
  expect(best).toEqual({ path: join(directory, "step-0000000025"), metric: "mistakes", value: mistakes });
});

it("a run that goes on without looking for the best keeps the one that there is, and says so", async () => {
  const directory = newDirectory();
  const first = { directory, keep: 1, best: { metric: "mistakes" } };
  await train(backwards, { ...common, workers: 1, epochs: 4, checkpoint: first });
  const told: string[] = [];
  const goingOn = {
    ...common,
    workers: 1,
    epochs: 8,
    checkpoint: { directory, keep: 1 },
    resume: "must",
  } as const;
  await train(backwards, goingOn).on("resume", ({ changes, notes }) => told.push(...changes, ...notes));
  expect(told).toContain("best checkpoint none instead of mistakes by min");
  expect(told.join()).toContain("checkpoint: step-0000000025, the best one so far, is kept");
  expect(stepsIn(directory)).toEqual(["step-0000000025", "step-0000000200"]);
});

it("averages of weights, clipping and early stopping go on as they were", async () => {
  const ruled = writeJob(`
    import job from ${JSON.stringify(fileURLToPath(job))};
    import { defineJob } from "@shardgrad/parallel";
    const { dataset, model, loss, optimizer, metrics, batchSize, epochs } = job;
    const rules = { ema: { decay: 0.9 }, clipGradNorm: 0.5, onNonFinite: "skip" };
    const earlyStopping = { metric: "accuracy", patience: 2, minDelta: 0.2 };
    export default defineJob({ dataset, model, loss, optimizer, metrics, batchSize, epochs, ...rules, earlyStopping });`);
  const ended = { ...common, epochs: 12, useEma: true };
  const whole = await train(ruled, { ...ended, workers: 1 });
  expect(whole.stoppedEarly).toMatch(/accuracy was best/);
  expect(whole.steps).toBeGreaterThan(60);
  const checkpoint = { directory: newDirectory() };
  await train(ruled, { ...ended, workers: 3, steps: 60, checkpoint });
  for (const workers of [2, 1]) {
    // The second time there is nothing left to do.
    const { weightsSha256, stoppedEarly, steps, metrics } = await train(ruled, {
      ...ended,
      workers,
      checkpoint,
      resume: "must",
    });
    expect({ weightsSha256, stoppedEarly, steps }).toEqual({
      weightsSha256: whole.weightsSha256,
      stoppedEarly: whole.stoppedEarly,
      steps: whole.steps,
    });
    expect(metrics).toMatchObject(whole.metrics);
  }
});

it("running statistics go on as they were", async () => {
  const normalized = writeJob(`
    import job from ${JSON.stringify(fileURLToPath(job))};
    import { BatchNorm1d, crossEntropy, Linear, ReLU, Sequential } from "@shardgrad/core";
    import { defineJob } from "@shardgrad/parallel";
    const { dataset, optimizer, metrics } = job;
    const model = () => new Sequential(new Linear(16, 21), new BatchNorm1d(21), new ReLU(), new Linear(21, 8));
    const loss = (net, { x, y }) => crossEntropy(net.forward(x), y);
    export default defineJob({ dataset, model, loss, optimizer, metrics, batchSize: 40, epochs: 2 });`);
  const ended = { kernels: "wasm", shards: 8, epochs: 4 } as const;
  const whole = await train(normalized, { ...ended, workers: 1 });
  const checkpoint = { directory: newDirectory() };
  await train(normalized, { ...ended, workers: 3, steps: 8, checkpoint });
  const resumed = await train(normalized, { ...ended, workers: 2, checkpoint, resume: "must" });
  expect(resumed.weightsSha256).toBe(whole.weightsSha256);
});

describe("refuses", () => {
  const checkpoint = { directory: join(root, "refused") };
  beforeAll(() => run({ workers: 1, steps: 5, checkpoint }));

  it.each<[string, TrainOptions, RegExp]>([
    [
      "a directory of an earlier run without resume",
      { checkpoint },
      /holds checkpoints of an earlier run; resume it/,
    ],
    ["another seed", { checkpoint, resume: true, seed: 3 }, /of another job: seed is 3, in the checkpoint 0/],
    ["other shards", { checkpoint, resume: true, shards: 4 }, /shards is 4, in the checkpoint 8/],
    ["another batch", { checkpoint, resume: true, batchSize: 16 }, /batchSize is 16, in the checkpoint 8/],
    [
      "nothing to resume",
      { checkpoint: { directory: join(root, "none") }, resume: "must" },
      /no checkpoint to resume/,
    ],
    ["resuming from nowhere", { resume: true }, /nothing to resume from; give checkpoint\.directory/],
    ["a wrong interval", { checkpoint: { ...checkpoint, everySteps: 0 } }, /checkpoint\.everySteps is 0/],
    [
      "an unknown option",
      { checkpoint: { ...checkpoint, every: 3 } as never },
      /train: checkpoint: there is no option "every"; .*everySteps/,
    ],
    ["restarts below 0", { restarts: -1 }, /restarts is -1, expected an integer of at least 0/],
  ])("%s", async (_, options, message) => {
    await expect(run({ workers: 1, ...options })).rejects.toThrow(message);
  });
});

describe("a checkpoint with right sums and wrong contents is passed over, and told:", () => {
  const sumOf = (bytes: Uint8Array | string) => createHash("sha256").update(bytes).digest("hex");

  interface State {
    random: { epochs: unknown[] };
    files: Record<string, { bytes: number; sha256: string }>;
  }

  /** Checkpoints of steps 20 and 30, the latter with another state.json. */
  async function forged(change: (state: State, folder: string) => void, keep = 2): Promise<string> {
    const directory = newDirectory();
    const checkpoint = { directory, everySteps: 1000, keep };
    for (const steps of [20, 30]) await run({ workers: 1, steps, checkpoint, resume: true });
    const folder = join(directory, "step-0000000030");
    const file = join(folder, "state.json");
    const { sha256: _, ...state } = JSON.parse(readFileSync(file, "utf8"));
    change(state, folder);
    const body = JSON.stringify(state).slice(0, -1);
    writeFileSync(file, `${body},\n  "sha256": "${sumOf(body)}"\n}\n`);
    return directory;
  }

  it.each<[what: string, change: Parameters<typeof forged>[0], reason: string]>([
    [
      "records of epochs that never were",
      (state) => {
        state.random.epochs = Array(200_000).fill(state.random.epochs[0]);
      },
      "state.json.random.epochs is a list of 200000, expected a list of 1",
    ],
    [
      "a file of another model",
      ({ files }, folder) => {
        const bytes = scope(() => writeSafetensors(new Map([["0.weight", zeros([2, 2])]])));
        writeFileSync(join(folder, "model.safetensors"), bytes);
        files["model.safetensors"] = { bytes: bytes.length, sha256: sumOf(bytes) };
      },
      "model.safetensors lacks ",
    ],
  ])("%s", async (_, change, reason) => {
    const directory = await forged(change);
    const { events, weightsSha256 } = await run({ workers: 2, checkpoint: { directory }, resume: "must" });
    const [resumed] = events.flatMap((event) => (event.type === "resume" ? [event] : []));
    expect(resumed!.step).toBe(20);
    expect(resumed!.notes).toEqual([
      expect.stringMatching(/^checkpoint: step-0000000030 is damaged \(.*\); step-0000000020 is used$/),
    ]);
    expect(resumed!.notes[0]).toContain(`(${reason}`);
    expect(weightsSha256).toBe(expected.weightsSha256);
  });

  it("where there is no other, a run that must go on says why it cannot", async () => {
    const directory = await forged((state) => {
      state.random.epochs = [];
    }, 1);
    await expect(run({ workers: 1, checkpoint: { directory }, resume: "must" })).rejects.toThrow(
      /^train: no checkpoint to resume from in .*; checkpoint: step-0000000030 is damaged \(state\.json\.random\.epochs is a list of 0, expected a list of 1\); there is no other$/,
    );
  });
});

describe("a directory that cannot be written any more", () => {
  // root has every permission; a missing directory stops everybody.
  const broken = async (onError: "continue" | "stop") => {
    const directory = newDirectory();
    const running = train(job, {
      ...common,
      workers: 2,
      epochs: 12,
      checkpoint: { directory, everySteps: 10, onError },
    });
    const told: TrainEvent[] = [];
    running.on("checkpoint", (event) => {
      if (told.push(event) === 1) rmSync(directory, { recursive: true });
    });
    return {
      told,
      result: await Promise.resolve(running).then(
        ({ steps }) => steps,
        (error: Error) => error.message,
      ),
    };
  };

  it("is told, and the run goes on", async () => {
    const { told, result } = await broken("continue");
    expect(told.at(-1)).toMatchObject({
      committed: "no",
      error: expect.stringContaining("cannot save step 300"),
    });
    expect(result).toBe(300);
  });

  it("or it stops", async () => {
    const { result } = await broken("stop");
    expect(result).toMatch(/^checkpoint: cannot save step \d+ in /);
  });
});

describe("the command", () => {
  const flags = ["--shards", "8", "--batch-size", "8", "--epochs", "60", "--kernels", "wasm"];

  function start(directory: string | undefined, workers: number) {
    const saving = directory ? ["--checkpoint", directory, "--checkpoint-every", "50", "--resume"] : [];
    return startCommand(job, [...flags, "--workers", String(workers), ...saving]);
  }

  let whole: string;
  const hashOf = (events: TrainEvent[]) =>
    events.flatMap((event) => (event.type === "end" ? [event.weightsSha256] : []))[0];
  beforeAll(async () => {
    whole = hashOf((await start(undefined, 2).ended).events)!;
  });

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("%s finishes the step, saves, and ends with %i; --resume goes on", async (signal, code) => {
    const directory = newDirectory();
    const { child, ended } = start(directory, 2);
    signalAtCheckpoint(child, signal);
    const first = await ended;
    expect([first.code, first.stderr]).toEqual([code, ""]);
    const end = first.events.at(-1)!;
    expect(end).toMatchObject({ type: "end", stopped: true });
    const resumed = await start(directory, 3).ended;
    expect(resumed.events.find(({ type }) => type === "resume")).toMatchObject({
      step: (end as { steps: number }).steps,
    });
    expect(hashOf(resumed.events)).toBe(whole);
  });

  it("killed at any moment, it goes on from what was saved", async () => {
    const directory = newDirectory();
    // The process's progress by then is not the same each time, and need not be. parallel's soak-kills.ts kills for longer.
    for (const delayMs of [450, 617]) {
      const { child, ended } = start(directory, 2);
      const timer = setTimeout(() => child.kill("SIGKILL"), delayMs);
      await ended;
      clearTimeout(timer);
    }
    const last = await start(directory, 1).ended;
    expect(last.stderr).toBe("");
    expect(hashOf(last.events)).toBe(whole);
  });
});
