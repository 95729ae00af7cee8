import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { JobError } from "../errors.ts";
import { requireWritableFile, requireWritableFolder } from "./writable.ts";

let root = "";
const at = (name: string) => join(root, name);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "shardgrad-"));
  writeFileSync(at("file"), "kept");
  mkdirSync(at("folder"));
  symlinkSync(at("nowhere/at/all"), at("dangling"));
  symlinkSync(at("folder"), at("link"));
});

afterAll(() => rmSync(root, { recursive: true }));

/** Whether Linux's /proc is there, which takes no new names, whatever its permissions say. */
const hasProc = process.platform === "linux";

async function expectRefused(run: Promise<void>, message: string | RegExp): Promise<void> {
  await expect(run).rejects.toThrow(JobError);
  await expect(run).rejects.toThrow(message);
}

describe("a file", () => {
  it("can be made, replaced, and written through links, and nothing is left", async () => {
    symlinkSync("folder/new", at("next"));
    for (const name of ["new", "file", "folder/new", "link/new", "next"])
      await requireWritableFile("x", at(name));
    rmSync(at("next"));
    await requireWritableFile("x", "/dev/null");
    expect(readdirSync(root).sort()).toEqual(["dangling", "file", "folder", "link"]);
    expect(readdirSync(at("folder"))).toEqual([]);
  });

  it.each([
    ["no/new", "x: its folder does not exist; make it, or name another file"],
    ["file/new", /^x: \S+file is a file, not a folder; name another file$/],
    ["folder", "x: it is a folder; name a file"],
    ["n".repeat(250), "x: no file can be made there (ENAMETOOLONG: name too long); name another file"],
  ])("%s is refused", async (name, message) => {
    await expectRefused(requireWritableFile("x", at(name)), message);
  });

  it.runIf(hasProc)("cannot be made where nothing can", async () => {
    await expectRefused(
      requireWritableFile("x", "/proc/new"),
      /^x: no file can be made there \(E[A-Z]+: [a-z ]+\); name another file$/,
    );
  });
});

describe("a folder", () => {
  it("can be written to, or made with those above it, and nothing is left", async () => {
    for (const name of ["", "new", "a/b/c", "folder", "link/new"]) await requireWritableFolder("x", at(name));
    expect(readdirSync(root).sort()).toEqual(["dangling", "file", "folder", "link"]);
    expect(readdirSync(at("folder"))).toEqual([]);
  });

  it.each([
    ["file", /^x: \S+file is a file; name a folder$/],
    ["file/new", /^x: \S+file is a file; name a folder$/],
    ["dangling", /^x: \S+dangling is a link that leads nowhere; name a folder$/],
    ["dangling/new", /^x: \S+dangling is a link that leads nowhere; name a folder$/],
  ])("%s is refused", async (name, message) => {
    await expectRefused(requireWritableFolder("x", at(name)), message);
  });

  it.runIf(hasProc)("cannot be made where nothing can", async () => {
    await expectRefused(
      requireWritableFolder("x", "/proc/a/b"),
      /^x: nothing can be made in \/proc \(E[A-Z]+: [a-z ]+\); name another folder$/,
    );
  });
});
