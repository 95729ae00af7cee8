// The option trace: valid by Chrome's trace format, with every worker's phases nested in its steps.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { train } from "../train.ts";
import { TraceFile } from "./trace-file.ts";

const clusters = new URL("../../../../test/jobs/clusters.ts", import.meta.url);
const root = mkdtempSync(join(tmpdir(), "shardgrad-trace-"));
afterAll(() => rmSync(root, { recursive: true }));

interface Span {
  name: string;
  cat: string;
  tid: number;
  ts: number;
  dur: number;
  args: { step: number };
}

/** The fields of each kind of event, with their types. */
const fields: Record<string, Record<string, string>> = {
  M: { name: "string", ph: "string", pid: "number", tid: "number", args: "object" },
  X: {
    name: "string",
    cat: "string",
    ph: "string",
    pid: "number",
    tid: "number",
    ts: "number",
    dur: "number",
  },
  i: {
    name: "string",
    cat: "string",
    ph: "string",
    s: "string",
    pid: "number",
    tid: "number",
    ts: "number",
    args: "object",
  },
};

/** The events of a file: each with the fields of its kind and no other. */
function readTrace(path: string) {
  const events = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>[];
  const typesOf = (event: object) =>
    JSON.stringify(
      Object.entries(event)
        .map(([name, value]) => [name, typeof value])
        .sort(),
    );
  const wrong = events.filter((event) => {
    const own = event.cat === "phase" || event.cat === "kernel" ? { args: "object" } : {};
    const expected = Object.entries({ ...fields[event.ph as string], ...own }).sort();
    return (
      typesOf(event) !== JSON.stringify(expected) || event.pid !== 1 || !(((event.dur ?? 0) as number) >= 0)
    );
  });
  expect(wrong).toEqual([]);
  const spans = events.filter(({ ph }) => ph === "X") as unknown as Span[];
  return { events, spans };
}

describe("a trace", () => {
  it("has a row per worker, whose phases follow each other within their step", async () => {
    const trace = join(root, "trace.json");
    const checkpoint = { directory: join(root, "checkpoints") };
    await train(clusters, { workers: 2, shards: 4, trace, checkpoint });
    const { events, spans } = readTrace(trace);
    const names = events.filter(({ name }) => name === "thread_name").map(({ tid, args }) => [tid, args]);
    expect(names).toEqual([
      [0, { name: "run" }],
      [1, { name: "worker 0" }],
      [2, { name: "worker 1" }],
    ]);
    for (const tid of [1, 2]) {
      const own = spans.filter((span) => span.tid === tid).sort((a, b) => a.ts - b.ts || b.dur - a.dur);
      const steps = own.filter(({ cat }) => cat === "step");
      expect(steps.map(({ name }) => name)).toEqual(Array.from({ length: 22 }, (_, i) => `step ${i + 1}`));
      const overlaps = (list: Span[]) =>
        list.slice(1).filter(({ ts }, i) => ts < list[i]!.ts + list[i]!.dur - 1e-3);
      const phases = own.filter(({ cat }) => cat === "phase");
      expect([overlaps(steps), overlaps(phases)]).toEqual([[], []]);
      const outside = phases.filter(({ ts, dur, args }) => {
        const step = steps[args.step - 1]!;
        return ts < step.ts || ts + dur > step.ts + step.dur + 1e-3;
      });
      expect(outside).toEqual([]);
      const kernels = own.filter(({ cat }) => cat === "kernel");
      expect(new Set(kernels.map(({ args }) => args.step)).size).toBe(1);
      expect(overlaps(kernels)).toEqual([]);
      const phaseOf = ({ ts, dur, args }: Span) =>
        phases.find(
          (phase) =>
            phase.args.step === args.step && phase.ts <= ts && ts + dur <= phase.ts + phase.dur + 1e-3,
        )?.name;
      expect(new Set(kernels.map(phaseOf))).toEqual(new Set(["gather", "forward", "backward"]));
      expect(kernels.map(({ name }) => name)).toContain("gemm");
      const found = new Set(phases.map(({ name }) => name));
      const expected = [
        "gather",
        "forward",
        "backward",
        "average",
        "update",
        "wait at barrier",
        "evaluate",
        "copy for checkpoint",
      ];
      expect([...found].sort()).toEqual(expected.sort());
    }
    expect(events.filter(({ name }) => name === "checkpoint saved").length).toBeGreaterThan(0);
  });

  it("is refused before the run begins, where it could not be written", async () => {
    await expect(train(clusters, { steps: 1, trace: join(root, "missing", "t.json") })).rejects.toThrow(
      /^train: trace .*missing\S+t\.json: its folder does not exist; make it, or name another file$/,
    );
  });

  it("leaves what is there if the run never starts", async () => {
    const trace = join(root, "kept.json");
    writeFileSync(trace, "before");
    await expect(train(clusters, { workers: 1000, trace })).rejects.toThrow("use fewer workers");
    expect(readFileSync(trace, "utf8")).toBe("before");
    new TraceFile(trace).end();
    expect(readFileSync(trace, "utf8")).toBe("before");
  });
});
