// With pinned shards a run ends with the same bits on any number of workers, whole, or stopped within an epoch and
// resumed on others. For failures of workers see parallel's faults*.test.ts.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TrainEvent, TrainOptions } from "@shardgrad/parallel";
import { train } from "@shardgrad/parallel";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { signalAtCheckpoint, startCommand } from "./start-command.ts";

const root = mkdtempSync(join(tmpdir(), "shardgrad-bits-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const newDirectory = () => join(root, String(count++));

const common = { kernels: "wasm", shards: 8 } as const;
const perEpoch = 5;
const withinEpoch = (step: number) => step % perEpoch !== 0;

/**
 * @param name of a test job with 5 steps per epoch
 * @param short only what the others do not show already
 */
export const describeSameBits = (name: string, { short = false } = {}) =>
  describe(name, () => {
    const job = new URL(`./jobs/${name}.ts`, import.meta.url);
    const run = async (options: TrainOptions) => {
      const { weightsSha256, metrics, steps } = await train(job, { ...common, ...options });
      return { weightsSha256, metrics, steps };
    };

    let expected: Awaited<ReturnType<typeof run>>;
    beforeAll(async () => {
      expected = await run({ workers: 1, epochs: 3 });
      expect(expected.steps).toBe(3 * perEpoch);
    });

    it.each(short ? [3] : [2, 3, 4, 8])("on %i workers", async (workers) => {
      expect(await run({ workers, epochs: 3 })).toEqual(expected);
    });

    it.each([
      { steps: 11, workers: 3, resumedOn: 1 },
      ...(short ? [] : [{ steps: 7, workers: 1, resumedOn: 4 }]),
    ])("ended and resumed: %o", async ({ steps, workers, resumedOn }) => {
      const checkpoint = { directory: newDirectory(), everySteps: 4 };
      await run({ workers, epochs: 3, steps, checkpoint });
      expect(await run({ workers: resumedOn, epochs: 3, checkpoint, resume: "must" })).toEqual(expected);
    });

    if (short) return;

    it("stopped within an epoch by stop(), and resumed on other workers", async () => {
      const checkpoint = { directory: newDirectory(), everySteps: 4 };
      let steps = 0;
      // Chance decides the step it stops at; try again if it is the last of an epoch.
      while (!withinEpoch(steps)) {
        const running = train(job, { ...common, workers: 2, epochs: 10_000, checkpoint, resume: true });
        running.on("progress", () => running.stop());
        ({ steps } = await running);
      }
      const all = steps + 7;
      const resumed = await run({ workers: 3, steps: all, checkpoint, resume: "must" });
      expect(resumed).toEqual(await run({ workers: 1, steps: all }));
    });

    it("stopped within an epoch by SIGINT, and resumed on other workers, by the command", async () => {
      const flags = ["--shards", "8", "--kernels", "wasm", "--checkpoint", newDirectory(), "--resume"];
      const endOf = (events: TrainEvent[]) =>
        events.flatMap((event) => (event.type === "end" ? [event] : []))[0]!;
      let steps = 0;
      while (!withinEpoch(steps)) {
        const { child, ended } = startCommand(job, [...flags, "--workers", "2", "--epochs", "10000"]);
        signalAtCheckpoint(child, "SIGINT");
        const { code, stderr, events } = await ended;
        expect([code, stderr]).toEqual([130, ""]);
        ({ steps } = endOf(events));
      }
      const all = steps + 7;
      const { events } = await startCommand(job, [...flags, "--workers", "3", "--steps", String(all)]).ended;
      expect(events.find(({ type }) => type === "resume")).toMatchObject({ step: steps, notes: [] });
      expect(endOf(events)).toMatchObject(await run({ workers: 1, steps: all }));
    });
  });
