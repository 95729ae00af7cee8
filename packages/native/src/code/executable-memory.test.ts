// Executable memory, on systems that allow it in all ways, in some, or in none.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { installCode } from "./executable-memory.ts";
import { functionAt } from "./foreign.ts";

const program = fileURLToPath(new URL("../../testing/hardened.ts", import.meta.url));
const run = (...args: string[]) => execFileSync(process.execPath, args, { encoding: "utf8" }).trim();
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
  /** An old kernel, or a container, may know no such restriction. */
  const expectRun = (told: string, expected: RegExp, skip: () => void) =>
    told.startsWith("not possible here") ? skip() : expect(told).toMatch(expected);

  it.for([
    ["without restrictions"],
    ["that cannot make written memory executable (MemoryDenyWriteExecute)", "write-execute"],
    ["that cannot make files without names", "memfd"],
  ])("%s gets code", ([_, ...restrictions], { skip }) => {
    expectRun(run(program, ...restrictions), /^42$/, skip);
  });

  it("that can do neither is told which calls the system refused", ({ skip }) => {
    expectRun(
      run(program, "memfd", "write-execute"),
      /^NativeError: native: the system allows this process no executable memory \(memfd_create: EPERM, mprotect: E[A-Z]+\); run it without/,
      skip,
    );
  });

  it("with --permission is told that koffi cannot be loaded", () => {
    const code = `import("${new URL("./executable-memory.ts", import.meta.url)}").then(({ installCode }) => installCode(Uint8Array.of(0xc3))).catch(({ name, message }) => console.log(name, message))`;
    expect(run("--permission", "--allow-fs-read=*", "-e", code)).toMatch(
      /^NativeError native: koffi, which runs machine code, cannot be loaded: .*addons/i,
    );
  });
});
