// The file of snapshots on disk: threads can open it, and nothing of it stays.
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SnapshotError } from "../errors.ts";
import { SnapshotFile } from "./snapshot-file.ts";

let folder: string;
const before = process.env.TMPDIR;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "shardgrad-snapshot-file-"));
  process.env.TMPDIR = folder;
});
afterEach(() => {
  if (before === undefined) delete process.env.TMPDIR;
  else process.env.TMPDIR = before;
  rmSync(folder, { recursive: true, force: true });
});

/** What a function throws; undefined if it does not. */
function messageOf(body: () => unknown): string | undefined {
  try {
    body();
  } catch (error) {
    return (error as Error).message;
  }
  return undefined;
}

const nameless = process.platform === "linux";

describe.each([
  ["without a name where the system can have that", undefined, nameless ? 0 : 1],
  ["with a name elsewhere", () => undefined, 1],
] as const)("%s", (_, find, names) => {
  it("all threads write into it, and it is gone when it is closed", async () => {
    const file = SnapshotFile.open(100, find);
    expect(readdirSync(folder)).toHaveLength(names);
    const thread = new Worker(
      `const { openSync, writeSync } = require("node:fs");
       writeSync(openSync(require("node:worker_threads").workerData, "r+"), "hello", 3);`,
      { eval: true, workerData: file.path },
    );
    await new Promise((ended) => thread.on("exit", ended));
    expect(readFileSync(file.path, "latin1")).toBe("\0\0\0hello");
    file.close();
    expect(readdirSync(folder)).toEqual([]);
    expect(existsSync(file.path)).toBe(false);
  });

  it.each([
    ["ends itself", "process.exit(7)", 7],
    ["is killed", 'process.kill(process.pid, "SIGKILL")', null],
  ])("a process that %s leaves nothing", (_, end, code) => {
    // Nothing can remove the name of a file when its process is killed.
    if (code === null && names > 0) return;
    const source = new URL("../../src/run/snapshot-file.ts", import.meta.url).href;
    const program = `
      const { SnapshotFile } = await import(${JSON.stringify(source)});
      SnapshotFile.open(100, ${find});
      ${end};`;
    const args = ["--conditions=source", "--input-type=module", "-e", program];
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
    expect([status, stderr]).toEqual([code, ""]);
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("is refused in one line", () => {
  const refusal = (bytes = 100) => {
    const open = () => SnapshotFile.open(bytes);
    expect(open).toThrow(SnapshotError);
    return messageOf(open);
  };

  it("where there is no room", () => {
    expect(refusal(1e18)).toMatch(
      /^train: snapshots need \d+\.\d GiB, but .* has \d+\.\d [GM]iB left; make room there, or set TMPDIR to another folder$/,
    );
  });

  it("where there is no folder, or none that is writable", async () => {
    const refused =
      /^train: cannot write snapshots in .*: E\w+: .*; set TMPDIR to a folder that is writable$/;
    process.env.TMPDIR = join(folder, "missing");
    expect(refusal()).toMatch(refused);
    process.env.TMPDIR = join(folder, "file");
    writeFileSync(join(folder, "file"), "");
    expect(refusal()).toMatch(refused);
    // Root may write anywhere.
    if (process.platform === "win32" || process.getuid?.() === 0) return;
    process.env.TMPDIR = folder;
    chmodSync(folder, 0o500);
    expect(refusal()).toMatch(refused);
  });

  it.runIf(nameless)("where all folders are memory, and another one is taken if it is not", async () => {
    process.env.TMPDIR = "/dev/shm";
    const message = messageOf(() => SnapshotFile.open(100).close());
    if (message === undefined) {
      const file = SnapshotFile.open(100);
      expect(file.folder).toBe("/var/tmp");
      file.close();
    } else
      expect(message).toBe(
        'train: snapshots is "disk", but /dev/shm is memory, too; set TMPDIR to a folder on a disk',
      );
  });
});
