// A run is a promise of its result that several may watch: what each of them gets, and who can stop it.
import type { TrainEvent } from "@shardgrad/parallel";
import { JobError, train } from "@shardgrad/parallel";
import { describe, expect, it } from "vitest";
import clusters from "./jobs/clusters.ts";
import { writeJob } from "./write-job.ts";

const job = new URL("./jobs/clusters.ts", import.meta.url);
/** Longer than any test waits. */
const endless = { workers: 1, shards: 1, epochs: 100_000 };

/** Errors that would reach the test runner as unhandled: the first `count`, and those of the same turn. */
async function unhandled(count: number, body: () => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = [];
  const listeners = process.listeners("unhandledRejection");
  const enough = new Promise<void>((resolve) => {
    process.removeAllListeners("unhandledRejection").on("unhandledRejection", (error) => {
      if (errors.push(error) === count) resolve();
    });
  });
  await body();
  await enough;
  await new Promise((resolve) => setImmediate(resolve));
  process.removeAllListeners("unhandledRejection");
  for (const listener of listeners) process.on("unhandledRejection", listener);
  return errors;
}

describe("a run is a promise", () => {
  it("then, catch and finally", async () => {
    const run = train(job, { workers: 1, steps: 2 });
    const order: string[] = [];
    const steps = await run.finally(() => order.push("finally")).then(({ steps }) => steps);
    expect([steps, order]).toEqual([2, ["finally"]]);
    expect((await run.catch(() => undefined))?.steps).toBe(2);
    expect(await train("no-such-job.ts").catch((error) => error)).toBeInstanceOf(JobError);
    expect(String(run)).toBe("[object TrainingRun]");
    expect((await Promise.all([run, Promise.race([run])])).map(({ steps }) => steps)).toEqual([2, 2]);
  });

  it.each<[given: unknown, got: string]>([
    [undefined, "undefined"],
    [null, "null"],
    [{ workers: 1 }, "object"],
    [clusters, "a job"],
    [Promise.resolve(clusters), "a promise"],
    [3, "number"],
  ])("%# of something else than a module rejects with what to write", async (given, got) => {
    const run = train(given as string);
    await expect(run).rejects.toThrow(JobError);
    await expect(run).rejects.toThrow(
      new RegExp(
        `^train: got ${got}, expected the URL or the path of the module that exports the job, .*; write train\\(import\\.meta\\.url\\)`,
      ),
    );
  });

  it("an error that nobody awaits is not lost, neither with listeners nor after a loop was left", async () => {
    const failing = writeJob(`
      import job from ${JSON.stringify(job.href)};
      const afterStep = (_, { step }) => { if (step.item() >= 11) throw new Error("on purpose"); };
      export default { ...job, afterStep };`);
    const errors = await unhandled(2, async () => {
      await expect(train("no-such-job.ts").on("epoch", () => undefined)).rejects.toThrow("no such file");
      train("no-such-job-1.ts").on("epoch", () => undefined);
      // It leaves after step 11. A stop takes effect at the end of a step, so there is always a twelfth.
      for await (const event of train(failing, { ...endless, restarts: 0 }))
        if (event.type === "epoch") break;
    });
    expect(errors.map(String)).toEqual([
      expect.stringMatching(/JobError: .*no-such-job-1\.ts: there is no such file/),
      expect.stringMatching(/WorkerError: .*step 12 .*on purpose/),
    ]);
  });
});

describe("a signal", () => {
  it("stops the run after a step, saves what there is to save, and is the reason of its rejection", async () => {
    const controller = new AbortController();
    const reason = new Error("the client has gone");
    const run = train(job, { ...endless, signal: controller.signal });
    run.on("progress", () => controller.abort(reason));
    const events: TrainEvent[] = [];
    const iterated = (async () => {
      for await (const event of run) events.push(event);
    })();
    await expect(run).rejects.toBe(reason);
    await expect(iterated).rejects.toBe(reason);
    expect(events.at(-1)).toMatchObject({ type: "end", stopped: true });
  });

  it.each(["before", "right after"])("that aborts %s the call lets nothing begin", async (when) => {
    const controller = new AbortController();
    if (when === "before") controller.abort();
    const events: string[] = [];
    const run = train(job, { signal: controller.signal }).on("start", () => events.push("start"));
    controller.abort();
    await expect(run).rejects.toMatchObject({ name: "AbortError" });
    expect(events).toEqual([]);
  });

  it("that aborts when the run is through changes nothing", async () => {
    const controller = new AbortController();
    const run = train(job, { workers: 1, steps: 2, signal: controller.signal });
    run.on("end", () => controller.abort());
    expect((await run).steps).toBe(2);
  });

  it("is one", async () => {
    const run = train(job, { signal: new AbortController() as never });
    await expect(run).rejects.toThrow("signal is an AbortController, expected an AbortSignal, such as");
  });
});

describe("several watch a run", () => {
  it("leaving one loop does not stop it while others iterate, and each sees all of it", async () => {
    const run = train(job, { workers: 1, epochs: 6 });
    const left = (async () => {
      for await (const event of run) if (event.type === "epoch") return event.epoch;
      return undefined;
    })();
    const types: string[] = [];
    for await (const { type } of run) if (type !== "progress") types.push(type);
    expect(await left).toBe(1);
    expect(types).toEqual(["start", ...Array(6).fill("epoch"), "end"]);
    expect(await run).toMatchObject({ stopped: false, steps: 66 });
  });

  it.each<[who: string, watch: (run: ReturnType<typeof train>) => unknown]>([
    ["somebody listens", (run) => run.on("end", () => undefined)],
    ["somebody awaits it", (run) => run.then()],
  ])("leaving the only loop does not stop it while %s", async (_, watch) => {
    const run = train(job, { workers: 1, epochs: 4 });
    watch(run);
    for await (const event of run) if (event.type === "epoch") break;
    expect(await run).toMatchObject({ stopped: false, steps: 44 });
  });

  it("leaving it stops a run that nobody else watches, also after a listener was taken off", async () => {
    const run = train(job, endless);
    const listener = () => undefined;
    run.on("epoch", listener).off("epoch", listener);
    for await (const event of run) if (event.type === "epoch") break;
    expect((await run).stopped).toBe(true);
  });

  it("a late loop is told of the start first, and after the end of that, too", async () => {
    const run = train(job, { workers: 1, epochs: 3 });
    let late: string[] | undefined;
    for await (const event of run) {
      if (event.type !== "epoch" || late) continue;
      late = [];
      const types = late;
      (async () => {
        for await (const { type } of run) types.push(type);
      })();
    }
    await run;
    expect(late![0]).toBe("start");
    expect(late!.at(-1)).toBe("end");
    const after: TrainEvent[] = [];
    for await (const event of run) after.push(event);
    expect(after).toMatchObject([
      { type: "start", epochs: 3 },
      { type: "end", steps: 33 },
    ]);
  });

  it("an event that there is not cannot be listened to", () => {
    const run = train(job, { workers: 1, steps: 1 });
    expect(() => run.on("epcoh" as never, () => undefined)).toThrow(
      'on: there is no event "epcoh"; did you mean epoch?',
    );
    expect(() => run.on("epoch", undefined as never)).toThrow("on: got undefined, expected a function");
    return run;
  });
});

describe("what is handed over is read at once", () => {
  it("options that change after the call are those of the next run", async () => {
    const options = { workers: 1, steps: 3, seed: 0 };
    const together = [1, 2, 3].map((seed) => train(job, Object.assign(options, { seed })));
    const hashes = (await Promise.all(together)).map(({ weightsSha256 }) => weightsSha256);
    expect(new Set(hashes).size).toBe(3);
    expect(hashes[0]).toBe((await train(job, { ...options, seed: 1 })).weightsSha256);
  });

  it("so do those within options", async () => {
    const checkpoint = { directory: "/no/such/place", keep: 0 };
    const run = train(job, { workers: 1, checkpoint });
    checkpoint.keep = 3;
    await expect(run).rejects.toThrow(/keepLast is 0|keep is 0/);
  });

  it("paths mean what they meant", async () => {
    const directory = process.cwd();
    const run = train(job, { workers: 1, steps: 1, out: "no-such-folder/model.safetensors" });
    process.chdir("/");
    try {
      await expect(run).rejects.toThrow(`${directory}/no-such-folder/model.safetensors`);
    } finally {
      process.chdir(directory);
    }
  });

  it("a job cannot be changed once it is defined", () => {
    expect(() => Object.assign(clusters, { epochs: 3 })).toThrow(/read only property 'epochs'/);
    expect(() => Object.assign(clusters.metrics!, { more: () => 0 })).toThrow(/not extensible/);
  });

  it.each([3, null, "fast"])("options that are %j are refused", async (options) => {
    await expect(train(job, options as never)).rejects.toThrow(/^train: options are .*, expected an object/);
  });
});
