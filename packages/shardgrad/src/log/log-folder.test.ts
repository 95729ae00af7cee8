// The option log: what a run writes there, also when it is resumed, read back strictly and by TensorBoard's own reader.
import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EpochEvent, StepEnd } from "@shardgrad/parallel";
import type { ObservedStep } from "@shardgrad/parallel/command";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readEvents } from "../../testing/read-events.ts";
import { train } from "../train.ts";
import type { TrainOptions } from "../watch-options.ts";
import { EventFile } from "./event-file.ts";
import { encodeEvent, NumbersEncoder } from "./event-messages.ts";
import { csvLine, jsonLine, numbersOf, parseLine } from "./rows.ts";
import { StepLines } from "./step-lines.ts";

const clusters = new URL("../../../../test/jobs/clusters.ts", import.meta.url);
const root = mkdtempSync(join(tmpdir(), "shardgrad-log-"));
afterAll(() => rmSync(root, { recursive: true }));

const log = join(root, "runs", "first");
const checkpoint = { directory: join(root, "checkpoints") };
/** An epoch has 11 steps. The first run ends within its second epoch, and the other one begins there. */
const [perEpoch, stopped, steps] = [11, 16, 22];
const told: StepEnd[] = [];
const epochs: EpochEvent[] = [];

const run = async (options: TrainOptions) => {
  const running = train(clusters, {
    workers: 1,
    shards: 2,
    log,
    checkpoint,
    onStepEnd: (step) => void told.push(step),
    ...options,
  });
  running.on("epoch", (epoch) => epochs.push(epoch));
  await running;
};

const linesOf = (name: string) => readFileSync(join(log, name), "utf8").trimEnd().split("\n");
const jsonLines = () => linesOf("metrics.jsonl").map((line) => JSON.parse(line));
const eventFiles = () => readdirSync(log).filter((name) => name.startsWith("events.out.tfevents."));

beforeAll(async () => {
  await run({ steps: stopped });
  // As if the run had gone on before it died, and died while it wrote.
  const step = { type: "step", step: stopped + 1, epoch: 2, loss: 100 };
  appendFileSync(join(log, "metrics.jsonl"), `${JSON.stringify(step)}\n{"type":"step","st`);
  await run({ epochs: 2, resume: true });
});

describe("the numbers of each step and epoch", () => {
  const names =
    "type,step,epoch,time,loss,test loss,lr,gradNorm,samplesPerSecond,waitShare,test accuracy,skipped".split(
      ",",
    );

  it("are JSON Lines, once, over a resume", () => {
    const rows = jsonLines();
    const order = Array.from({ length: steps }, (_, i) => i + 1);
    const ofSteps = rows.filter(({ type }) => type === "step");
    expect(ofSteps.map(({ step }) => step)).toEqual(order);
    expect(ofSteps).toEqual(
      told.map(({ loss, lr, gradNorm, step }) =>
        expect.objectContaining({
          loss,
          lr,
          gradNorm,
          step,
          epoch: Math.ceil(step / perEpoch),
          skipped: false,
        }),
      ),
    );
    for (const { samplesPerSecond, waitShare, time } of ofSteps) {
      expect(samplesPerSecond).toBeGreaterThan(0);
      expect(waitShare).toBeGreaterThanOrEqual(0);
      expect(Math.abs(time - Date.now() / 1000)).toBeLessThan(1000);
    }
    const ofEpochs = rows.filter(({ type }) => type === "epoch");
    // The part of the second epoch is told and then cut off.
    expect(epochs.map(({ step }) => step)).toEqual([perEpoch, stopped, steps]);
    expect(ofEpochs).toEqual([epochs[0], epochs[2]].map((epoch) => expect.objectContaining({ ...epoch })));
    expect(ofEpochs[1].testLoss).toBeGreaterThan(0);
  });

  it("are CSV, the same rows", () => {
    const [header, ...rows] = linesOf("metrics.csv").map((line) => line.split(","));
    expect(header).toEqual(names);
    const expected = jsonLines().map((row) => {
      const single = { ...row, "test loss": row.testLoss, "test accuracy": row.metrics?.accuracy };
      return names.map((name) => String((name === "skipped" ? row.skipped && 1 : single[name]) ?? ""));
    });
    expect(rows.map((row) => row.map((cell, i) => (i === 11 && cell === "0" ? "false" : cell)))).toEqual(
      expected,
    );
  });

  it("are TensorBoard events: framed, summed, and begun anew by a resume", () => {
    const files = eventFiles();
    expect(files).toHaveLength(2);
    const [first, second] = files.map((name) => readEvents(readFileSync(join(log, name))));
    expect(first![0]).toMatchObject({ step: 0, fileVersion: "brain.Event:2" });
    expect(second![0]).toMatchObject({ step: 0, fileVersion: "brain.Event:2" });
    // What the first file has from this step on does not count.
    expect(second![1]).toMatchObject({ step: stopped + 1, sessionStatus: 1 });
    const losses = [...first!, ...second!].flatMap(({ step, values }) =>
      values?.["step/loss"] === undefined ? [] : [[step, values["step/loss"]]],
    );
    expect(losses).toEqual(told.map(({ step, loss }) => [step, Math.fround(loss)]));
    const last = second!.at(-1)!;
    expect(Object.keys(last.values!)).toEqual(names.slice(4, -1).map((name) => `epoch/${name}`));
    expect(last.values!["epoch/test accuracy"]).toBe(Math.fround(Number(epochs[2]!.metrics.accuracy)));
  });
});

const reader = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))
`;
const python = ["python3", "python"].find(
  (name) => spawnSync(name, ["-c", "import tensorboard"], { stdio: "ignore" }).status === 0,
);

it.skipIf(python === undefined)(
  "TensorBoard's own reader finds every step once (needs Python with tensorboard)",
  () => {
    const { stdout } = spawnSync(python!, ["-c", reader, log], { encoding: "utf8" });
    const scalars = JSON.parse(stdout) as Record<string, [step: number, value: number][]>;
    expect(scalars["step/loss"]).toEqual(told.map(({ step, loss }) => [step, Math.fround(loss)]));
    expect(scalars["step/gradNorm"]).toEqual(told.map(({ step, gradNorm }) => [step, Math.fround(gradNorm)]));
    expect(scalars["epoch/test loss"]!.at(-1)).toEqual([steps, Math.fround(epochs[2]!.testLoss!)]);
  },
);

describe("is refused before the run begins", () => {
  const refused = (options: TrainOptions) =>
    expect(train(clusters, { workers: 1, steps: 1, ...options })).rejects;

  it("where another run has written", async () => {
    const before = linesOf("metrics.csv");
    await refused({ log }).toThrow(
      /^train: log .*first has metrics\.csv of another run; resume that run, or name another folder$/,
    );
    expect(linesOf("metrics.csv")).toEqual(before);
  });

  it("below a file, or by another type", async () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    await refused({ log: join(file, "runs") }).toThrow(
      /^train: log .*runs: .*file is a file; name a folder$/,
    );
    await refused({ log: 3 as never }).toThrow("train: log is 3, expected the path of a folder");
    await refused({ logs: "x" } as never).toThrow(/^train: there is no option "logs"; did you mean log\?/);
  });
});

it("numbers that are put into the bytes of an event are what the schema would encode", () => {
  const tags = ["step/loss", "step/ä", "step/waitShare"];
  const encoder = new NumbersEncoder(tags);
  for (const [time, step, numbers] of [
    [1.5, 1, [0.25, 0, -1]],
    [2.5, 127, [0.25, 0, 1]],
    [3.5, 128, [0.25, 0, 1]],
    [4.5, 20_000, [0.25, 0, 1]],
    [4.75, 16_384, [0.5, 1, 1]],
    [1_900_000_000.123, 2 ** 33, [Number.NaN, Number.POSITIVE_INFINITY, 1e-30]],
  ] as const) {
    const value = tags.map((tag, i) => {
      return { tag, value: { case: "simpleValue" as const, value: Math.fround(numbers[i]!) } };
    });
    expect(encoder.encode(time, step, numbers)).toEqual(
      encodeEvent(time, step, { case: "summary", value: { value } }),
    );
  }
});

it("the lines of steps are those that a row has, with as many digits as rates and times are good for", () => {
  const columns = [
    "loss",
    "test loss",
    "lr",
    "lr 1",
    "gradNorm",
    "samplesPerSecond",
    "waitShare",
    "test auc",
  ];
  const rates = { samplesPerSecond: 3e5 / 7, waitShare: 1 / 7, timeMs: 1_796_040_000_123.456 };
  const step: ObservedStep = {
    step: 12,
    epoch: 2,
    loss: 1 / 3,
    gradNorm: 2e-9,
    skipped: false,
    lr: 0.1,
    ...rates,
  };
  const skipped = { ...step, loss: Number.NaN, gradNorm: Number.NaN, skipped: true };
  for (const observed of [step, skipped, { ...step, lrs: [0.1, 0.7 / 3] }]) {
    const groups = observed.lrs?.length ?? 1;
    const own = groups === 1 ? columns.filter((name) => name !== "lr 1") : columns;
    const lines = new StepLines(own, groups);
    lines.take(observed);
    const row = parseLine(lines.json)!;
    const { timeMs: _, ...told } = observed;
    const nan = observed.skipped ? { loss: null, gradNorm: null } : {};
    const rounded = { samplesPerSecond: 42_857.143, waitShare: 0.1429, time: 1_796_040_000.123 };
    expect(row).toEqual({ type: "step", ...told, ...rounded, ...nan });
    expect(jsonLine(row)).toBe(lines.json);
    expect(csvLine(row, own, numbersOf(row, "test"))).toBe(lines.csv);
    expect(lines.values.map((value) => (Number.isNaN(value) ? null : value))).toEqual(
      Object.values(numbersOf(row, "test")),
    );
    expect(lines.names).toEqual(Object.keys(numbersOf(row, "test")));
  }
});

it("an event file has every event, also of many that are written at once", () => {
  const folder = mkdtempSync(join(root, "events-"));
  const events = new EventFile(folder, undefined);
  const names = ["loss", "lr"];
  const steps = Array.from({ length: 2000 }, (_, i) => i + 1);
  for (const step of steps) events.add("step", 1000 * step, step, { names, values: [step, 0.5] });
  events.flush();
  events.close();
  const [file] = readdirSync(folder);
  const [version, ...read] = readEvents(readFileSync(join(folder, file!)));
  expect(version!.fileVersion).toBe("brain.Event:2");
  expect(read).toEqual(
    steps.map((step) => ({ wallTime: step, step, values: { "step/loss": step, "step/lr": 0.5 } })),
  );
});
