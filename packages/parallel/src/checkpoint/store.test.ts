// Checkpoints on the machine's own disk.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sample } from "../../testing/checkpoint-samples.ts";
import { CheckpointError } from "../errors.ts";
import type { CheckpointContent } from "./content.ts";
import type { Disk } from "./disk.ts";
import { nodeDisk } from "./disk.ts";
import { chunkBytes, findNewest, readCheckpoint } from "./find-newest.ts";
import { openCheckpoints } from "./store.ts";

let root: string;
let directory: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "shardgrad-checkpoints-"));
  directory = join(root, "runs", "mnist");
});
afterEach(() => rm(root, { recursive: true }));

/** The visible entries of an open store, sorted; the sign of life is hidden. */
const readdirVisible = async () =>
  (await readdir(directory)).filter((name) => !name.startsWith(".alive-")).sort();

const token = "01234567-89ab-4cde-8f01-23456789abcd";
const name = (step: number) => `step-${String(step).padStart(10, "0")}`;

describe("a store", () => {
  it("writes a directory per step, which is found again", async () => {
    await using store = await openCheckpoints(directory);
    expect(store.notes).toEqual([]);
    const content = sample(812, { accuracy: 0.9 });
    const path = join(directory, name(812));
    expect(await store.save(content)).toEqual({ path, removed: [], notes: [] });
    expect((await readdir(path)).sort()).toEqual([
      "model.safetensors",
      "optimizer.safetensors",
      "state.json",
    ]);
    const found = await findNewest(directory);
    expect(found).toMatchObject({ passedOver: [], notes: [], checkpoint: { path, state: content.state } });
    expect(Buffer.from(found.checkpoint!.files["model.safetensors"]).toString()).toBe("weights of step 812");
    expect(await readCheckpoint(path)).toEqual(found.checkpoint);
  });

  it("keeps the last ones and the best one", async () => {
    await using store = await openCheckpoints(directory, {
      keepLast: 2,
      keepBest: { metric: "accuracy", direction: "max" },
    });
    const removed: string[][] = [];
    for (const [step, accuracy] of [0.5, 0.9, 0.6, 0.7, 0.8, 0.95].entries()) {
      removed.push((await store.save(sample(step, { accuracy }))).removed);
    }
    expect(removed).toEqual([[], [], [name(0)], [], [name(2)], [name(1), name(3)]]);
    expect(await readdirVisible()).toEqual(["lock", name(4), name(5)]);
  });

  it("knows the best one again when it is opened another time", async () => {
    const retention = { keepLast: 1, keepBest: { metric: "loss", direction: "min" } } as const;
    for (const [step, loss] of [0.5, 0.1, 0.3, 0.2].entries()) {
      await using store = await openCheckpoints(directory, retention);
      await store.save(sample(step, { loss }));
    }
    expect(await readdir(directory)).toEqual([name(1), name(3)]);
  });

  it("does not touch what else is in the directory", async () => {
    await mkdir(join(directory, "step-12"), { recursive: true });
    await mkdir(join(directory, `${name(3)}-1`));
    await writeFile(join(directory, "notes.txt"), "mine");
    await using store = await openCheckpoints(directory, { keepLast: 1 });
    for (const step of [1, 2]) await store.save(sample(step));
    expect(await readdirVisible()).toEqual(["lock", "notes.txt", name(2), `${name(3)}-1`, "step-12"].sort());
    expect((await store.findNewest()).checkpoint!.state.step).toBe(2);
  });

  it("does saves one after another, and what it was given later is not what it writes", async () => {
    await using store = await openCheckpoints(directory, { keepLast: 2 });
    const saves = [3, 1, 2].map((step) => store.save(sample(step)));
    expect((await Promise.all(saves)).map(({ removed }) => removed)).toEqual([[], [], [name(1)]]);
    expect((await store.findNewest()).checkpoint!.state.step).toBe(3);
  });

  it("keeps a step that is saved again beside the first one", async () => {
    await using store = await openCheckpoints(directory);
    await store.save(sample(5, {}, " first"));
    const { path } = await store.save(sample(5, {}, " second"));
    expect(path).toBe(join(directory, `${name(5)}-2`));
    const { checkpoint } = await store.findNewest();
    expect(checkpoint!.path).toBe(path);
    expect(Buffer.from(checkpoint!.files["model.safetensors"]).toString()).toBe("weights of step 5 second");
  });

  it("removes what an interrupted run has left, and says so", async () => {
    const left = [`.removing-${token}-2`, `.writing-${token}-1`];
    for (const name of left) {
      await mkdir(join(directory, name), { recursive: true });
      await writeFile(join(directory, name, "model.safetensors"), "half");
    }
    await writeFile(join(directory, `.lock-999999999-${token}`), "");
    await using store = await openCheckpoints(directory);
    expect([...store.notes].sort()).toEqual(
      left.map((name) => `checkpoint: removed ${name}, which an interrupted run had left`),
    );
    expect(await readdirVisible()).toEqual(["lock"]);
  });

  it("leaves alone what only looks like that: links, files of others, folders of another name", async () => {
    const elsewhere = join(root, "elsewhere");
    const ours = `.writing-${token}-1`;
    for (const path of [elsewhere, join(directory, ".writing-x"), join(directory, ".removing-mine-1")]) {
      await mkdir(path, { recursive: true });
      await writeFile(join(path, "model.safetensors"), "precious");
    }
    await mkdir(join(directory, ours, "@eaDir"), { recursive: true });
    await writeFile(join(directory, ours, "model.safetensors"), "half");
    await symlink(join(elsewhere, "model.safetensors"), join(directory, ours, "state.json"));
    for (const name of [
      ".writing-y",
      `.writing-${token}-2`,
      `.removing-${token}-3`,
      `.lock-999999999-${token}`,
    ])
      await symlink(elsewhere, join(directory, name));
    await mkdir(join(directory, `.lock-999999998-${token}`));
    const before = await readdir(directory);
    const notes: string[][] = [];
    for (let times = 0; times < 2; times++) {
      await using store = await openCheckpoints(directory);
      await store.save(sample(times));
      notes.push([...store.notes]);
    }
    expect(await readdir(elsewhere)).toEqual(["model.safetensors"]);
    expect(await readFile(join(directory, ".writing-x", "model.safetensors"), "utf8")).toBe("precious");
    expect((await readdir(directory)).sort()).toEqual([...before, name(0), name(1)].sort());
    expect((await readdir(join(directory, ours))).sort()).toEqual(["@eaDir", "state.json"]);
    // It says so only once.
    expect(notes).toEqual([
      [
        `checkpoint: removed ${ours} except @eaDir, state.json, which this library did not write and leaves in ${join(directory, ours)}`,
      ],
      [],
    ]);
  });

  it("is not stopped by what a network disk puts into a checkpoint, nor by a link in its place", async () => {
    const archive = join(root, "archive");
    await using store = await openCheckpoints(directory, { keepLast: 1 });
    await store.save(sample(1));
    await rename(join(directory, name(1)), archive);
    await symlink(archive, join(directory, name(1)));
    await store.save(sample(2));
    await mkdir(join(directory, name(2), "@eaDir"));
    const { removed, notes } = await store.save(sample(3));
    expect(removed).toEqual([name(2)]);
    expect(notes).toEqual([
      expect.stringMatching(
        /^checkpoint: removed step-0000000002 except @eaDir, which this library did not write/,
      ),
    ]);
    expect((await readdir(archive)).length).toBe(3);
    const steps = (await readdir(directory)).filter((entry) => entry.startsWith("step-"));
    expect(steps.sort()).toEqual([name(1), name(3)]);
    await rm(join(directory, name(3)), { recursive: true });
    // It is read nevertheless.
    expect((await store.findNewest()).checkpoint!.state.step).toBe(1);
  });

  it.each(["state.json", "model.safetensors", "optimizer.safetensors"])(
    "passes a checkpoint over in which %s is a pipe or a socket, without waiting for it",
    async (file) => {
      await using store = await openCheckpoints(directory);
      for (const step of [1, 2]) await store.save(sample(step));
      const path = join(directory, name(2), file);
      await rm(path);
      execFileSync("mkfifo", [path]);
      expect((await store.findNewest()).notes).toEqual([
        `checkpoint: ${name(2)} is damaged (${file} cannot be read (EFTYPE)); ${name(1)} is used`,
      ]);
      await rm(path);
      const server = createServer().listen(path);
      await once(server, "listening");
      expect((await store.findNewest()).notes).toEqual([
        expect.stringMatching(/cannot be read \(ENXIO\)\); step-0000000001 is used$/),
      ]);
      server.close();
    },
  );

  it("has a directory for itself until it is closed", async () => {
    const store = await openCheckpoints(directory);
    const again = () => openCheckpoints(directory);
    await expect(again()).rejects.toThrow(CheckpointError);
    await expect(again()).rejects.toThrow(
      new RegExp(`is in use by process ${process.pid}; use another directory`),
    );
    const saving = store.save(sample(1));
    await store.close();
    await store.close();
    expect((await saving).path).toBe(join(directory, name(1)));
    await expect(store.save(sample(2))).rejects.toThrow(/the store of .* is closed; open it again$/);
    await (await again()).close();
    expect(await readdir(directory)).toEqual([name(1)]);
  });

  it("has it also from processes in another PID namespace, until it ends", async ({ skip }) => {
    const source = JSON.stringify(new URL("./store.ts", import.meta.url));
    const script = `
      const { openCheckpoints } = await import(${source});
      await openCheckpoints(${JSON.stringify(directory)});
      console.log("open");
      setInterval(() => undefined, 1000);`;
    const args = ["--pid", "--fork", "--kill-child", process.execPath, "--input-type=module", "-e", script];
    const child = spawn("unshare", args, { stdio: ["ignore", "pipe", "ignore"] });
    const opened = await Promise.race([
      once(child.stdout, "data"),
      once(child, "close"),
      once(child, "error"),
    ]);
    if (String(opened[0]).trim() !== "open") return skip("needs the right to make a PID namespace");
    await expect(openCheckpoints(directory)).rejects.toThrow(
      /is in use by process 1 in another container; use another directory, or end that process$/,
    );
    child.kill("SIGKILL");
    await once(child, "close");
    await using store = await openCheckpoints(directory);
    expect(store.notes).toEqual(["checkpoint: the lock of process 1, which is gone, was taken over"]);
    expect((await readdir(directory)).filter((name) => name.startsWith(".alive-")).length).toBe(1);
  });

  it("in use can be copied, and the copy be used", async () => {
    await using store = await openCheckpoints(directory);
    await store.save(sample(1));
    const copy = join(root, "copy");
    execFileSync("cp", ["-r", directory, copy]);
    await using other = await openCheckpoints(copy);
    expect(other.notes).toEqual([
      `checkpoint: the lock of process ${process.pid}, which was copied with the directory, was taken over`,
    ]);
    expect((await other.findNewest()).checkpoint!.state.step).toBe(1);
    await Promise.all([store.save(sample(2)), other.save(sample(2))]);
  });

  it("refuses to save once its lock is lost", async () => {
    const store = await openCheckpoints(directory);
    await rm(join(directory, "lock"));
    await expect(store.save(sample(1))).rejects.toMatchObject({
      committed: "no",
      message: expect.stringMatching(
        /^checkpoint: cannot save step 1 in .*: the lock of .* was lost to another/,
      ),
    });
    expect(await readdirVisible()).toEqual([]);
    await store.close();
  });
});

it("a process that is killed leaves whole checkpoints, and a lock that is taken over", async () => {
  const sources = ["./store.ts", "../../testing/checkpoint-samples.ts"];
  const [storeUrl, samplesUrl] = sources.map((path) => JSON.stringify(new URL(path, import.meta.url)));
  const script = `
    const { openCheckpoints } = await import(${storeUrl});
    const { sample } = await import(${samplesUrl});
    const store = await openCheckpoints(${JSON.stringify(directory)}, { keepLast: 2 });
    for (let step = 1; ; step++) {
      await store.save(sample(step));
      console.log(step);
    }`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let last = 0;
  for await (const line of createInterface(child.stdout)) {
    last = Number(line);
    // In the middle of whatever it is doing.
    if (last === 5) child.kill("SIGKILL");
  }
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  await using store = await openCheckpoints(directory, { keepLast: 1 });
  expect(store.notes[0]).toBe(`checkpoint: the lock of process ${child.pid}, which is gone, was taken over`);
  const { checkpoint, passedOver } = await store.findNewest();
  expect(passedOver).toEqual([]);
  expect(checkpoint!.state.step).toBeGreaterThanOrEqual(last);
  const { path } = await store.save(sample(1_000_000));
  expect(await readdirVisible()).toEqual(["lock", basename(path)]);
});

describe("openCheckpoints refuses", () => {
  it("a path where a file is", async () => {
    const path = join(root, "file");
    await writeFile(path, "");
    await expect(openCheckpoints(path)).rejects.toThrow(CheckpointError);
    await expect(openCheckpoints(path)).rejects.toThrow(
      /^checkpoint: cannot open .*: ENOTDIR: .*; look at the disk$/,
    );
    await expect(openCheckpoints(join(path, "below"))).rejects.toThrow(CheckpointError);
  });

  it("a folder below a link to nowhere", async () => {
    const link = join(root, "link");
    await symlink(join(root, "nowhere", "below"), link);
    await expect(openCheckpoints(join(link, "run"))).rejects.toThrow(/^checkpoint: cannot open .*: ENOENT: /);
  });

  it("options that make no sense, before it touches anything", async () => {
    await expect(openCheckpoints(directory, { keepLast: 0 })).rejects.toThrow(/keepLast is 0/);
    expect(await readdir(root)).toEqual([]);
  });
});

it("a file in parts is written in pieces of one size, which take one place in memory", async () => {
  const lengths = [10, 3, 2 * chunkBytes + 5, 0, chunkBytes - 18, 7];
  const total = lengths.reduce((sum, length) => sum + length, 0);
  let made = 0;
  const parts = function* () {
    for (const length of lengths) yield new Uint8Array(length).map(() => made++ % 251);
  };
  const content = {
    ...sample(1),
    files: {
      "model.safetensors": { bytes: total, parts },
      "optimizer.safetensors": { bytes: 0, parts: () => [] },
    },
  };
  const [written, places] = [[] as number[], new Set<ArrayBufferLike>()];
  const disk: Disk = {
    ...nodeDisk,
    create: async (path) => {
      const file = await nodeDisk.create(path);
      const write = (chunk: Uint8Array) => {
        if (path.endsWith("model.safetensors")) written.push(chunk.length);
        if (path.includes(".writing-")) places.add(chunk.buffer);
        return file.write(chunk);
      };
      return { ...file, write };
    },
  };
  await using store = await openCheckpoints(directory, {}, { disk });
  const { path } = await store.save(content);
  expect(written).toEqual([chunkBytes, chunkBytes, chunkBytes, 7]);
  expect(places.size).toBe(1);
  const expected = new Uint8Array(total).map((_, i) => i % 251);
  expect(Buffer.compare(await readFile(join(path, "model.safetensors")), expected)).toBe(0);
  expect((await store.findNewest()).checkpoint!.files["optimizer.safetensors"]).toHaveLength(0);
});

it("large files are written in pieces, so that the event loop has its turn in between", async () => {
  const bytes = new Uint8Array(2.5 * chunkBytes).map((_, i) => i % 251);
  const content: CheckpointContent = {
    ...sample(1),
    files: { ...sample(1).files, "model.safetensors": bytes },
  };
  const written: number[] = [];
  const disk: Disk = {
    ...nodeDisk,
    create: async (path) => {
      const file = await nodeDisk.create(path);
      if (!path.endsWith("model.safetensors")) return file;
      const write = (chunk: Uint8Array) => {
        written.push(chunk.length);
        return file.write(chunk);
      };
      return { ...file, write };
    },
  };
  await using store = await openCheckpoints(directory, {}, { disk });
  const { path } = await store.save(content);
  expect(written).toEqual([chunkBytes, chunkBytes, chunkBytes / 2]);
  expect(Buffer.compare(await readFile(join(path, "model.safetensors")), bytes)).toBe(0);
  const { checkpoint } = await store.findNewest();
  expect(Buffer.compare(checkpoint!.files["model.safetensors"], bytes)).toBe(0);
});
