// Executable memory, on systems that allow it in all ways, in some, or in none.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { installCode } from "./executable-memory.ts";
import { functionAt } from "./foreign.ts";

const fileOf = (name: string) => new URL(`../../testing/${name}`, import.meta.url);
const run = (...args: string[]) => spawnSync(process.execPath, args, { encoding: "utf8" });
const isLinux = process.platform === "linux" && process.arch === "x64";

describe.skipIf(process.arch !== "x64")("code", () => {
  it("runs, and lies at the start of a page that nobody can write", () => {
    const address = installCode(Uint8Array.of(0xc3));
    expect(address % 4096).toBe(0);
    functionAt(address)(0);
    if (!existsSync("/proc/self/maps")) return;
    const line = readFileSync("/proc/self/maps", "utf8")
      .split("\n")
      .find((each) => each.startsWith(address.toString(16)));
    expect(line).toMatch(/ r-xp /);
  });

  it("may be larger than a page", () => {
    const code = new Uint8Array(100_001).fill(0x90);
    code[100_000] = 0xc3;
    functionAt(installCode(code))(0);
  });
});

describe.skipIf(!isLinux)("a hardened process", () => {
  it.for([
    ["without restrictions gets code", "", /^42$/],
    [
      "that cannot make written memory executable (MemoryDenyWriteExecute) gets code",
      "write-execute",
      /^42$/,
    ],
    ["that cannot make files without names gets code", "memfd", /^42$/],
    [
      "whose filter refuses both is told which calls that were",
      "memfd,read-execute",
      /^NativeError: native: the system allows this process no executable memory \(memfd_create: EPERM, mprotect: EPERM\); run it without/,
    ],
    [
      "that can do neither is told which calls the system refused",
      "memfd,write-execute",
      /^NativeError: native: the system allows this process no executable memory \(memfd_create: EPERM, mprotect: E[A-Z]+\); run it without/,
    ],
  ] as const)("%s", ([_, restrictions, expected], { skip }) => {
    const restrict = `${fileOf("restrict.ts")}?${restrictions}`;
    const { status, stdout } = run("--import", restrict, fileURLToPath(fileOf("hardened.ts")));
    // An old kernel, or a container, may know no such restriction.
    if (status === 77) skip();
    expect(stdout.trim()).toMatch(expected);
  });

  it("with --permission is told that koffi cannot be loaded", () => {
    const code = `import("${new URL("./executable-memory.ts", import.meta.url)}").then(({ installCode }) => installCode(Uint8Array.of(0xc3))).catch(({ name, message }) => console.log(name, message))`;
    expect(run("--permission", "--allow-fs-read=*", "-e", code).stdout).toMatch(
      /^NativeError native: koffi, which runs machine code, cannot be loaded: .*addons/i,
    );
  });
});
