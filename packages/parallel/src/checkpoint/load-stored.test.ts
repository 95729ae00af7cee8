// A checkpoint is read from the disk to its place: the same bits as by a copy in memory, which it does without.
// forged.test.ts has what is refused, test/averaged-checkpoints.test.ts the averages.
import type { Tensor } from "@shardgrad/core";
import { AdamW, backward, Linear, manualSeed, mean, ones, Sequential, scope } from "@shardgrad/core";
import { Storage } from "@shardgrad/core/engine";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { simulatedProcesses } from "../../testing/checkpoint-samples.ts";
import { SimulatedDisk } from "../../testing/simulated-disk.ts";
import { CheckpointError } from "../errors.ts";
import { encodeCheckpoint } from "./content.ts";
import type { Disk } from "./disk.ts";
import { loadNewest } from "./find-newest.ts";
import { loadStored } from "./load-stored.ts";
import { openCheckpoints } from "./store.ts";

const run = { seed: 1, batchSize: 8, shards: 1, samples: 64 };

function build(seed: number) {
  manualSeed(seed);
  const model = new Sequential(new Linear(300, 400), new Linear(400, 1));
  return { model, optimizer: new AdamW(model.parameters(), { lr: 0.1 }), run };
}
type Setup = ReturnType<typeof build>;

const bytesOf = (tensors: Iterable<Tensor>) =>
  Array.from(tensors, (x) => Buffer.from(x.toArray().buffer).toString("base64"));
const bitsOf = ({ model, optimizer }: Setup) => [
  ...bytesOf(model.parameters()),
  ...optimizer.stateDict().state.flatMap((tensors) => bytesOf(Object.values(tensors))),
];
const targetsOf = ({ model, optimizer }: Setup) => ({
  model: model.stateDict(),
  optimizer,
  averaged: [],
  averages: new Map<string, Tensor>(),
});

const trained = build(1);
let disk: SimulatedDisk;
beforeEach(async () => {
  disk = new SimulatedDisk();
  scope(() => {
    trained.optimizer.zeroGrad();
    backward(mean(trained.model.forward(ones([8, 300]))));
    trained.optimizer.step();
  });
  const environment = { disk, processes: simulatedProcesses(1, new Set([1])) };
  await using store = await openCheckpoints("/runs", {}, environment);
  await store.save(encodeCheckpoint(trained, { step: 5, epoch: 0 }));
});
afterEach(() => void vi.restoreAllMocks());

test("it is read to its place, in parts, and takes no other memory", async () => {
  const into = build(2);
  const targets = targetsOf(into);
  let largest = 0;
  const open = async (path: string) => {
    const file = await disk.open(path);
    const read = (start: number, part: Uint8Array) => {
      largest = Math.max(largest, part.length);
      file.read(start, part);
    };
    return { ...file, read };
  };
  const parts: Disk = Object.assign(Object.create(disk) as Disk, { list: disk.list.bind(disk), open });
  for (const name of ["read", "kindOf"] as const) parts[name] = disk[name].bind(disk) as never;
  const allocate = vi.spyOn(Storage, "allocate");
  const { checkpoint } = await loadNewest("/runs", parts, (stored) => loadStored(stored, targets));
  expect(allocate).not.toHaveBeenCalled();
  expect(checkpoint?.state.step).toBe(5);
  expect(into.optimizer.stepCount).toBe(trained.optimizer.stepCount);
  expect(bitsOf(into)).toEqual(bitsOf(trained));
  // A piece to sum up, or one tensor.
  expect(largest).toBeLessThan(2 ** 20 + 1);
});

test("a disk that fails while it is read to its place is no damage: nothing older is loaded over it", async () => {
  const into = build(2);
  const { checkpoint: _, ...found } = await loadNewest("/runs", disk, () => undefined);
  expect(found.notes).toEqual([]);
  const loading = loadNewest("/runs", disk, (stored) => {
    const files = { ...stored.files };
    const { bytes, read } = files["optimizer.safetensors"];
    const failing = (start: number, part: Uint8Array) => {
      // The header is read whole, as before.
      if (start > 8) throw Object.assign(new Error("EIO: simulated"), { code: "EIO" });
      read(start, part);
    };
    loadStored(
      { ...stored, files: { ...files, "optimizer.safetensors": { bytes, read: failing } } },
      targetsOf(into),
    );
  });
  await expect(loading).rejects.toThrow(CheckpointError);
  await expect(loading).rejects.toThrow(/^checkpoint: cannot read \/runs: EIO: simulated; look at the disk/);
});
