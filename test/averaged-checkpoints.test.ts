// Checkpoints of runs that average their weights: the model's file is what was evaluated, and loads into a model as it
// is. The run resumes from the weights in a second file.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { accuracy, mean, noGrad, readSafetensors, scope, tensor } from "@shardgrad/core";
import { loadCheckpoint, readCheckpoint, train } from "@shardgrad/parallel";
import { describe, expect, it, onTestFinished } from "vitest";
import { clusters } from "./jobs/clusters.ts";
import { model } from "./jobs/steps.ts";

const job = fileURLToPath(new URL("./jobs/steps.ts", import.meta.url));
const common = { shards: 4, kernels: "wasm", epochs: 4 } as const;

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "shardgrad-averaged-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

const tensorsIn = (directory: string, file: string) =>
  readSafetensors(readFileSync(join(directory, file))).tensors;

/** Accuracy on the job's evaluated samples, of weights loaded as the README shows. */
function accuracyOf(directory: string): number {
  const net = model();
  net.loadStateDict(tensorsIn(directory, "model.safetensors"));
  const { x, y } = clusters(300, 5);
  const inputs = Array.from({ length: 300 }, (_, i) => [...x.data.subarray(16 * i, 16 * (i + 1))]);
  const labels = tensor([...y], { dtype: "int32" });
  return scope(() => noGrad(() => mean(accuracy(net.forward(tensor(inputs)), labels)).item()));
}

describe("with useEma", () => {
  it("the best checkpoint holds the average that was evaluated, and loads as it is", async () => {
    const checkpoint = { directory: newDirectory(), keep: 1, best: { metric: "accuracy" } };
    const { best } = await train(job, { ...common, workers: 2, useEma: true, checkpoint });
    expect(accuracyOf(best!.path)).toBeCloseTo(best!.value, 6);
    expect(readdirSync(best!.path).sort()).toEqual([
      "model.safetensors",
      "optimizer.safetensors",
      "state.json",
      "weights.safetensors",
    ]);
  });

  it("a loop of one's own that goes on from it goes on from the weights", async () => {
    const checkpoint = { directory: newDirectory(), keep: 1 };
    const options = { ...common, workers: 1, checkpoint };
    const { model: averaged } = await train<ReturnType<typeof model>>(job, { ...options, useEma: true });
    const path = join(
      checkpoint.directory,
      readdirSync(checkpoint.directory).find((name) => name !== "lock")!,
    );
    const { model: trained } = await train(job, { ...options, checkpoint: { directory: newDirectory() } });
    expect([...tensorsIn(path, "model.safetensors")].map(([, x]) => x.toArray())).toEqual(
      averaged.parameters().map((x) => x.toArray()),
    );
    const saved = await readCheckpoint(path);
    const net = model();
    const dict = saved.state.fingerprint;
    loadCheckpoint(saved, {
      model: net,
      optimizer: {
        stateDict: () => ({
          name: dict.optimizer.name,
          stepCount: 0,
          paramGroups: dict.optimizer.groups.map((params) => ({ params: [...params] })) as never,
          state: dict.optimizer.state.map((own, i) => {
            const parameter = net.parameters()[i]!;
            return Object.fromEntries(own.map(({ name }) => [name, parameter]));
          }),
        }),
        loadStateDict: () => undefined,
      },
      run: dict,
    });
    expect(net.parameters().map((x) => x.toArray())).toEqual(trained.parameters().map((x) => x.toArray()));
  });
});

it.each([
  ["evaluated first, and then not", true, false],
  ["not evaluated first, and then it is", false, true],
  ["evaluated all the time", true, true],
])("an average that is %s: the bits of a run that was never stopped", async (_, before, after) => {
  const whole = await train(job, { ...common, workers: 1, useEma: after });
  const checkpoint = { directory: newDirectory() };
  await train(job, { ...common, workers: 3, steps: 9, useEma: before, checkpoint });
  const files = readdirSync(join(checkpoint.directory, "step-0000000009"));
  expect(files).toContain(before ? "weights.safetensors" : "average.safetensors");
  const rest = await train(job, { ...common, workers: 2, useEma: after, checkpoint, resume: "must" });
  expect([rest.weightsSha256, rest.metrics]).toEqual([whole.weightsSha256, whole.metrics]);
});

it("without the weights beside it a checkpoint is damaged, and passed over", async () => {
  const checkpoint = { directory: newDirectory() };
  const options = { ...common, workers: 1, useEma: true, checkpoint };
  await train(job, { ...options, steps: 2 });
  const path = join(checkpoint.directory, "step-0000000002");
  const weights = join(path, "weights.safetensors");
  const bytes = readFileSync(weights);
  bytes.subarray(-4).fill(0);
  writeFileSync(weights, bytes);
  await expect(train(job, { ...options, resume: "must" })).rejects.toThrow(
    /step-0000000002 is damaged \(weights\.safetensors was changed/,
  );
  rmSync(weights);
  await expect(train(job, { ...options, resume: "must" })).rejects.toThrow(
    /step-0000000002 is damaged \(weights\.safetensors is missing/,
  );
});
