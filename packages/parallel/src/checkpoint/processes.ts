// What we can find out about processes, as an interface; tests use their own. The machine's is here, too.
import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { codeOf } from "./disk.ts";
import { giveSign, hasSign } from "./sign-of-life.ts";

/** What we can find out about processes. */
export interface Processes {
  host: string;
  /** The id of this boot of the kernel; all containers of a machine share it. Undefined if unknown. */
  kernel: string | undefined;
  /** The namespace of `pid`: containers number their own processes. Undefined if there is only one. */
  namespace: string | undefined;
  pid: number;
  /** A new UUID. */
  token(): string;
  /** Tells apart processes that successively had the same number; undefined if no process has it. */
  incarnation(pid: number): string | undefined;
  /** Puts a sign of life at a path, until the process ends or the returned function is called; undefined if impossible. */
  giveSign(path: string): Promise<(() => Promise<void>) | undefined>;
  /** Whether a process of this kernel gives the sign of life at a path; undefined if unknown. */
  hasSign(path: string): Promise<boolean | undefined>;
}

function tryRead(read: () => string): string | undefined {
  try {
    return read().trim();
  } catch {
    return undefined;
  }
}

const kernel = tryRead(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1"));

/** The state of a zombie: a process that has ended, but that its parent has not waited for. */
const endedStates = ["Z", "X", "x"];

/** The machine's own processes. */
export const nodeProcesses: Processes = {
  host: hostname(),
  kernel,
  namespace: tryRead(() => readlinkSync("/proc/self/ns/pid")),
  pid: process.pid,
  token: randomUUID,
  incarnation(pid) {
    try {
      process.kill(pid, 0);
    } catch (error) {
      // EPERM: it exists, but belongs to another user.
      if (codeOf(error) === "ESRCH") return undefined;
    }
    // Field 2 is a name, which may contain anything but ends with `)`; field 3 is the state; field 22 the start time.
    const line = tryRead(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
    if (line === undefined) return "unknown";
    const fields = line.slice(line.lastIndexOf(") ") + 2).split(" ");
    return endedStates.includes(fields[0]!) ? undefined : `${kernel} ${fields[19]}`;
  },
  giveSign,
  hasSign,
};
