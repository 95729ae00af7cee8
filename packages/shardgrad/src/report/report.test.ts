// The option report: a page that needs nothing else, written however a run ends, and safe whatever is in it.
import { lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { EpochEvent } from "@shardgrad/parallel";
import type { ObservedStep } from "@shardgrad/parallel/command";
import { afterAll, describe, expect, it } from "vitest";
import { writeJob } from "../../../../test/write-job.ts";
import { train } from "../train.ts";
import type { TrainOptions } from "../watch-options.ts";
import { EpochSeries } from "./epoch-series.ts";
import type { RunData } from "./run-data.ts";
import { StepSeries } from "./step-series.ts";

const root = mkdtempSync(join(tmpdir(), "shardgrad-report-"));
afterAll(() => rmSync(root, { recursive: true }));

const clusters = new URL("../../../../test/jobs/clusters.ts", import.meta.url).href;
const evil = '</script><script>document.title = "taken"</script>';
const job = (parts: string) =>
  writeJob(`import { defineJob, confusionMatrix, residuals } from "@shardgrad/parallel";
    import job from ${JSON.stringify(clusters)};
    export default defineJob({ ...job, params: { note: ${JSON.stringify(evil)} }, ${parts} });`);
const withMatrices = job(`metrics: { ...job.metrics,
    confusion: { outputs: (net, { x, y }) => [net.forward(x), y], score: confusionMatrix() },
    errors: { outputs: (net, { x }) => [net.forward(x), net.forward(x)], score: residuals({ rows: 20 }) } }`);

const dataOf = (page: string): RunData =>
  JSON.parse(page.match(/<script type="application\/json" id="run">(.*?)<\/script>/s)![1]!).data;

async function reportOf(url: string, options: TrainOptions) {
  const report = join(root, `${readdirSync(root).length}.html`);
  const failure: unknown = await train(url, { workers: 1, shards: 2, report, ...options }).catch(
    (error) => error,
  );
  const page = readFileSync(report, "utf8");
  return { page, data: dataOf(page), failure: failure as Error };
}

describe("the page of a run", () => {
  it("has its curves, times, memory and settings, and loads nothing", async () => {
    const { page, data } = await reportOf(withMatrices, { workers: 2 });
    expect(data).toMatchObject({ state: "done", step: 22, start: { workers: 2, evaluates: "test" } });
    expect(data.steps.step).toEqual(Array.from({ length: 22 }, (_, i) => i + 1));
    expect(data.steps.loss.every((loss) => loss! > 0)).toBe(true);
    // The first steps are all looked at, then one every 50 ms.
    expect(data.steps.gradNorm.every((norm) => norm! > 0)).toBe(true);
    expect(data.epochs.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, 11],
      [2, 22],
    ]);
    expect(data.epochs[1]).toMatchObject({
      testLoss: expect.any(Number),
      metrics: { accuracy: expect.any(Number) },
    });
    expect(Object.keys(data.nested)).toEqual(["confusion", "errors"]);
    expect(data.nested.confusion).toHaveLength(8);
    expect(data.phaseMs).toHaveLength(2);
    for (const phases of data.phaseMs!) expect(phases.forward).toBeGreaterThan(0);
    expect(data.memory.rows.length).toBeGreaterThan(5);
    expect(Object.fromEntries(data.options)).toEqual({
      workers: "2",
      shards: "2",
      report: expect.stringMatching(/\.html$/),
    });
    expect(page).not.toMatch(/(?:src|href)="(?!data:,")|url\(|@import|https?:\/\/(?!www\.w3\.org)/);
    expect(page).toContain("connect-src 'none'");
  });

  it("nothing in a run is read as markup", async () => {
    const { page, data } = await reportOf(job("epochs: 1"), {});
    expect(data.start.params.note).toBe(evil);
    // The data, the script, and no other.
    expect(page.match(/<script/g)).toHaveLength(2);
    expect(page.match(/<\/script>/g)).toHaveLength(2);
  });

  it("is written when a run fails, or is stopped", async () => {
    const failing = job(`loss: (net, { x, y }, { step }) => {
        if (step.item() === 5) throw new Error("lost <b>");
        return job.loss(net, { x, y });
      }`);
    const failed = await reportOf(failing, { capture: false, restarts: 0 });
    expect(failed.failure.message).toContain("lost <b>");
    expect(failed.data).toMatchObject({ state: "failed", reason: failed.failure.message });
    const report = join(root, "stopped.html");
    const run = train(clusters, { workers: 1, epochs: 1000, report });
    run.on("epoch", () => run.stop());
    await run;
    expect(dataOf(readFileSync(report, "utf8")).state).toBe("stopped");
  });

  it("is written to where a link leads", async () => {
    const link = join(root, "link.html");
    symlinkSync("led-to.html", link);
    await train(clusters, { workers: 1, steps: 1, report: link });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(dataOf(readFileSync(join(root, "led-to.html"), "utf8")).state).toBe("done");
  });

  it("is refused before the run begins, where it could not be written", async () => {
    const refused = (report: unknown) =>
      expect(train(clusters, { steps: 1, report } as TrainOptions)).rejects;
    await refused(join(root, "missing", "r.html")).toThrow(
      /^train: report .*missing\S+r\.html: its folder does not exist; make it, or name another file$/,
    );
    await refused(root).toThrow(/^train: report .* is a folder; name a file$/);
    await refused("").toThrow('train: report is "", expected the path of a file');
  });
});

it("a long run has a bounded number of places, of the same number of steps each", () => {
  const series = new StepSeries();
  const read = (step: number) =>
    ({ step, loss: step, lr: 1, gradNorm: Number.NaN, samplesPerSecond: 2, waitShare: 0 }) as ObservedStep;
  for (let step = 1; step <= 100_000; step++) series.add(read(step));
  const { step, loss, gradNorm } = series.columns;
  expect(step.at(-1)).toBe(100_000);
  expect(step.length).toBeLessThanOrEqual(480);
  expect(new Set(step.slice(0, -1).map((at, i) => at - (step[i - 1] ?? 0))).size).toBe(1);
  expect(loss[0]).toBe((1 + step[0]!) / 2);
  expect(gradNorm.every((norm) => norm === null)).toBe(true);
});

it("of very many epochs some are kept, evenly, and the last one", () => {
  const series = new EpochSeries();
  for (let epoch = 1; epoch <= 10_001; epoch++) series.add({ epoch, metrics: {} } as EpochEvent);
  const kept = series.some.map(({ epoch }) => epoch);
  expect(kept.length).toBeLessThanOrEqual(600);
  expect(kept.at(-1)).toBe(10_001);
  expect(new Set(kept.slice(1, -1).map((epoch, i) => epoch - kept[i]!))).toEqual(new Set([32]));
});
