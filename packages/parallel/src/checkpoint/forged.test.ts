// Checkpoints with correct sums and wrong contents, which no version of this library writes. Each is refused with one
// line, and nothing of it is loaded.
import { createHash } from "node:crypto";
import type { Tensor } from "@shardgrad/core";
import {
  Adam,
  Linear,
  manualSeed,
  ones,
  readSafetensors,
  Sequential,
  scope,
  Tanh,
  writeSafetensors,
} from "@shardgrad/core";
import { describe, expect, it, test } from "vitest";
import { CheckpointError } from "../errors.ts";
import { readCarried } from "../run/carried.ts";
import type { CheckpointContent } from "./content.ts";
import { encodeCheckpoint, loadCheckpoint, requireSameJob } from "./content.ts";
import type { Disk } from "./disk.ts";
import { findNewest, loadNewest, readCheckpoint } from "./find-newest.ts";
import { loadStored } from "./load-stored.ts";
import { formatState, tensorFiles } from "./state-file.ts";

const run = { seed: 3, batchSize: 8, shards: 2, samples: 32, details: { dropLast: false, fold: 3 } };
const perEpoch = 4;

function build() {
  manualSeed(5);
  const model = new Sequential(new Linear(3, 5), new Tanh(), new Linear(5, 2));
  return { model, optimizer: new Adam(model.parameters(), { lr: 0.01 }), run };
}

const record = (epoch: number) => ({
  step: (epoch + 1) * perEpoch,
  loss: 0.5,
  samples: 32,
  trainMs: 1.5,
  evaluateMs: 2,
  metrics: { accuracy: 0.5 },
});

const saved = encodeCheckpoint(build(), {
  step: 9,
  epoch: 2,
  cursor: 8,
  random: { lossSum: 1, weight: 8, skipped: 0, epochs: [record(0), record(1)] },
  metrics: { loss: 0.5 },
  settings: { lr: 0.01, clipGradNorm: 1 },
  changes: [{ step: 4, changes: ["clipGradNorm 1 instead of none"] }],
  computedBy: { kernels: "wasm" },
  sources: { "job.ts": "ab".repeat(32) },
});

const sumOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** A disk with one checkpoint of the given files. */
function diskWith(files: Readonly<Record<string, Uint8Array>>): Disk {
  const names = ["step-0000000009"];
  const read = async (path: string, most: number) => {
    const bytes = files[path.split("/").at(-1)!]!;
    if (bytes.length > most) throw Object.assign(new Error("too large"), { code: "EFBIG" });
    return bytes;
  };
  const open = async (path: string) => {
    const bytes = files[path.split("/").at(-1)!]!;
    const readPart = (start: number, into: Uint8Array) =>
      into.set(bytes.subarray(start, start + into.length));
    return { bytes: bytes.length, read: readPart, close: async () => undefined };
  };
  return { list: async () => names, read, open } as Partial<Disk> as Disk;
}

/** A state.json with the given content and a correct sum. */
function signed(state: unknown): Uint8Array {
  const body = Buffer.from(JSON.stringify(state, null, 2).slice(0, -"\n}".length));
  return Buffer.concat([body, Buffer.from(`,\n  "sha256": "${sumOf(body)}"\n}\n`)]);
}

function recordsOf(files: CheckpointContent["files"]) {
  const entries = tensorFiles.map((name) => [
    name,
    { bytes: files[name].length, sha256: sumOf(files[name]) },
  ]);
  return Object.fromEntries(entries) as Parameters<typeof formatState>[1];
}

const bitsOf = (model: { parameters(): Tensor[] }) =>
  model.parameters().map((x) => Buffer.from(x.toArray().buffer).toString("hex"));

/** Loads it as a run does, in parts; returns whether that was refused, after checking that nothing was loaded then. */
async function refusesParts(disk: Disk): Promise<boolean> {
  const into = build();
  const { model, optimizer } = into;
  const before = bitsOf(model);
  const found = loadNewest("/runs", disk, (checkpoint) => {
    requireSameJob(checkpoint.state, into);
    readCarried(checkpoint, { perEpoch, batchSize: run.batchSize });
    loadStored(checkpoint, { model: model.stateDict(), optimizer, averaged: [], averages: new Map() });
  });
  const refused = await found.then(
    ({ checkpoint }) => checkpoint === undefined,
    (error) => error instanceof CheckpointError,
  );
  expect(bitsOf(model)).toEqual(before);
  return refused;
}

/** Reads and loads it, both ways; returns the error, if any, after checking that nothing was loaded. */
async function load(disk: Disk): Promise<unknown> {
  const error = await loadWhole(disk);
  if (error !== undefined) expect(await refusesParts(disk)).toBe(true);
  return error;
}

async function loadWhole(disk: Disk): Promise<unknown> {
  const into = build();
  const before = bitsOf(into.model);
  try {
    const checkpoint = await readCheckpoint("/runs/step-0000000009", disk);
    readCarried(checkpoint, { perEpoch, batchSize: run.batchSize });
    loadCheckpoint(checkpoint, into);
    return undefined;
  } catch (error) {
    expect(bitsOf(into.model)).toEqual(before);
    return error;
  }
}

function expectRefused(error: unknown, what: unknown): void {
  expect(error, JSON.stringify(what)).toBeInstanceOf(CheckpointError);
  const { message } = error as Error;
  expect(message).toMatch(/^checkpoint: [^\n]+$/);
  expect(message.length).toBeLessThan(500);
}

/** Integers below a bound, the same in every run of the test. */
function seeded(): (bound: number) => number {
  let state = 12345;
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

type Holder = Record<string, unknown>;
type Place = { holder: Holder; key: string; path: string };

/** Every value in a tree, with its path. */
function placesIn(value: unknown, path = ""): Place[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Holder;
  return Object.keys(holder).flatMap((key) => [
    { holder, key, path: `${path}.${key}` },
    ...placesIn(holder[key], `${path}.${key}`),
  ]);
}

function nested(depth: number): unknown {
  let value: unknown = 0;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

const strange: readonly (() => unknown)[] = [
  () => null,
  () => true,
  () => -1,
  () => 0.5,
  () => 2 ** 53,
  () => 1e308,
  () => 4294967296,
  () => "",
  () => "__proto__",
  () => "two\nlines",
  () => [],
  () => ({}),
  () => [[null]],
  () => Array(2000).fill(0),
  () => nested(500),
  () => ({ $number: "NaN" }),
  () => ({ $number: "-Infinity" }),
  () => ({ $number: {} }),
  () => ({ toString: 1, valueOf: 1 }),
  () => JSON.parse('{"__proto__": {"length": 4}}'),
  () => ({ length: 1e9 }),
];

function mutate({ holder, key }: Place, next: (bound: number) => number): void {
  switch (next(4)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(key), 1);
      else delete holder[key];
      return;
    case 1: {
      const name = ["__proto__", "constructor", "extra", "then"][next(4)]!;
      if (Array.isArray(holder)) holder.push(holder[Number(key)]);
      else Object.defineProperty(holder, name, { value: holder[key], enumerable: true, configurable: true });
      return;
    }
    default:
      holder[key] = strange[next(strange.length)]!();
  }
}

/** Fields that accept any value of the right type. */
const free =
  /^\.(metrics|settings|changes|computedBy|sources|optimizer\.paramGroups|random\.(lossSum|weight|skipped|epochs\.\d+\.))/;

test("as it was written, it is read", async () => {
  const disk = diskWith({ ...saved.files, "state.json": formatState(saved.state, recordsOf(saved.files)) });
  expect(await load(disk)).toBeUndefined();
});

test("hundreds of forged state.json are refused, or are right", async () => {
  const text = JSON.stringify({
    format: "shardgrad-checkpoint",
    ...JSON.parse(`${Buffer.from(formatState(saved.state, recordsOf(saved.files)))}`),
  });
  const next = seeded();
  let refused = 0;
  for (let round = 0; round < 800; round++) {
    const { sha256: _, ...state } = JSON.parse(text) as Holder;
    const places = placesIn(state);
    const place = places[next(places.length)]!;
    mutate(place, next);
    const error = await load(diskWith({ ...saved.files, "state.json": signed(state) }));
    if (error === undefined) {
      const same = JSON.stringify(state) === JSON.stringify({ ...JSON.parse(text), sha256: undefined });
      expect(same || free.test(place.path), place.path).toBe(true);
    } else {
      expectRefused(error, place.path);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(600);
});

describe("refused is", () => {
  const forged = (change: (state: Holder) => void) => {
    const state = JSON.parse(`${Buffer.from(formatState(saved.state, recordsOf(saved.files)))}`) as Holder;
    delete state.sha256;
    change(state);
    return diskWith({ ...saved.files, "state.json": signed(state) });
  };

  it.each<[string, (state: Holder) => void, RegExp]>([
    [
      "more records of epochs than the step has",
      (state) => {
        (state.random as Holder).epochs = Array(200_000).fill(record(0));
      },
      /state\.json\.random\.epochs is a list of 200000, expected a list of 2; use another one$/,
    ],
    [
      "a record of another step",
      (state) => {
        (state.random as Holder).epochs = [record(0), record(2)];
      },
      /state\.json\.random\.epochs\[1\]\.step is 12, expected 8;/,
    ],
    [
      "an epoch that the step is not in",
      (state) => {
        state.epoch = 1;
      },
      /state\.json\.epoch is 1, expected 2;/,
    ],
    [
      "a field that nobody knows",
      (state) => {
        state["two\nlines"] = 1;
      },
      /state\.json has the unknown field "two\\nlines";/,
    ],
    [
      "a size that no file has",
      (state) => {
        (state.files as Record<string, Holder>)["model.safetensors"]!.bytes = 2 ** 52;
      },
      /model\.safetensors has \d+ bytes, expected 4503599627370496;/,
    ],
  ])("%s", async (_, change, message) => {
    const error = await load(forged(change));
    expectRefused(error, message);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
  });

  test("what is nested without end, and what is no JSON", async () => {
    const body = `{\n  "format": ${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    for (const text of [body, '{\n  "format": x']) {
      const bytes = Buffer.from(`${text},\n  "sha256": "${sumOf(Buffer.from(text))}"\n}\n`);
      expectRefused(await load(diskWith({ ...saved.files, "state.json": bytes })), text.slice(0, 30));
    }
  });
});

test("a forged state.json is passed over like any damage", async () => {
  const state = signed({ format: "shardgrad-checkpoint", version: {}, step: "9" });
  const { checkpoint, notes } = await findNewest("/runs", diskWith({ ...saved.files, "state.json": state }));
  expect([checkpoint, notes]).toEqual([
    undefined,
    [expect.stringMatching(/^checkpoint: step-0000000009 is damaged \(state\.json\.version is an object/)],
  ]);
});

test("what is found out only when it is loaded is passed over like any damage, too: nothing of it is loaded", async () => {
  const into = build();
  const before = bitsOf(into.model);
  const bytes = scope(() => writeSafetensors(new Map([["0.weight", ones([5, 3])]])));
  const files = { ...saved.files, "model.safetensors": bytes };
  const state = formatState(saved.state, recordsOf(files));
  const use = (checkpoint: CheckpointContent) => void loadCheckpoint(checkpoint, into);
  const { checkpoint, notes } = await findNewest("/runs", diskWith({ ...files, "state.json": state }), use);
  expect([checkpoint, notes]).toEqual([
    undefined,
    ["checkpoint: step-0000000009 is damaged (model.safetensors lacks 0.bias); there is no other"],
  ]);
  expect(bitsOf(into.model)).toEqual(before);
});

test("one of another job is not damaged, and nothing else is looked for", async () => {
  const files = { ...saved.files, "state.json": formatState(saved.state, recordsOf(saved.files)) };
  const into = { ...build(), run: { ...run, seed: 4 } };
  const found = findNewest("/runs", diskWith(files), (checkpoint) => void loadCheckpoint(checkpoint, into));
  await expect(found).rejects.toThrow(/^checkpoint: that of step 9 is of another job: seed is 4,/);
});

describe.each(tensorFiles)("forged %s", (file) => {
  type Tensors = Map<string, Tensor>;
  const [first, second] = file === "model.safetensors" ? ["0.weight", "0.bias"] : ["0.m", "1.m"];

  it.each<[string, (tensors: Tensors) => unknown, RegExp]>([
    ["without a tensor", (tensors) => tensors.delete(first!), /lacks 0\./],
    ["empty", (tensors) => tensors.clear(), /lacks 0\./],
    [
      "with one of another shape",
      (tensors) => tensors.set(first!, ones([3, 5])),
      /as \[3,5\] float32, expected \[5,3\]/,
    ],
    [
      "with one of another size",
      (tensors) => tensors.set(second!, ones([6])),
      /as \[6\] float32, expected \[5\]/,
    ],
    [
      "with one of another dtype",
      (tensors) => tensors.set(second!, ones([5], { dtype: "int32" })),
      /as \[5\] int32, expected \[5\] float32/,
    ],
    [
      "with one more",
      (tensors) => tensors.set("__proto__", ones([1])),
      /has "__proto__", of which state\.json knows/,
    ],
    ["with an average of nothing", (tensors) => tensors.set("ema:x", ones([1])), /has "ema:x", of which/],
  ])("%s is refused", async (_, change, message) => {
    const bytes = scope(() => {
      const { tensors } = readSafetensors(saved.files[file]);
      change(tensors);
      return writeSafetensors(tensors);
    });
    const files = { ...saved.files, [file]: bytes };
    const error = await load(
      diskWith({ ...files, "state.json": formatState(saved.state, recordsOf(files)) }),
    );
    expectRefused(error, message);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
  });

  test("of any bytes is refused", async () => {
    const next = seeded();
    for (let round = 0; round < 200; round++) {
      const original = saved.files[file];
      const length = Number(new DataView(original.buffer, original.byteOffset).getBigUint64(0, true));
      // Changes a byte of the header, where all but spaces matter; or truncates the file.
      const bytes =
        next(4) === 0
          ? original.slice(0, next(original.length))
          : original.with(next(8 + length), 32 + next(90));
      const files = { ...saved.files, [file]: bytes };
      const disk = diskWith({ ...files, "state.json": formatState(saved.state, recordsOf(files)) });
      const error = await load(disk);
      if (error !== undefined) expectRefused(error, round);
    }
  });
});
