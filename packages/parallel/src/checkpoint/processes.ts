// What is known of processes, as an interface: tests put some of their own in its place. Here are also the machine's own.
import { randomUUID } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { codeOf } from "./disk.ts";
import { giveSign, hasSign } from "./sign-of-life.ts";

/** What is known of processes. */
export interface Processes {
  host: string;
  /** Which kernel this is, since it was started; all containers of a machine share it. Undefined if there is no telling. */
  kernel: string | undefined;
  /** Where `pid` has its meaning: containers have their own numbers. Undefined if there is only one such place. */
  namespace: string | undefined;
  pid: number;
  /** A UUID of its own for everything that asks. */
  token(): string;
  /** Tells apart processes that had the same number one after another; undefined if there is none of this number. */
  incarnation(pid: number): string | undefined;
  /** Puts a sign of life at a path, until the process ends or what is returned is called; undefined if there can be none. */
  giveSign(path: string): Promise<(() => Promise<void>) | undefined>;
  /** Whether a process of this kernel gives the sign of life at a path; undefined if there is no telling. */
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

/** Of a process that has ended, and that nobody has asked how: all that is left of it is its number. */
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
      // EPERM: it is there, but somebody else's.
      if (codeOf(error) === "ESRCH") return undefined;
    }
    // Field 2 is a name, which may hold anything but ends with `)`; field 3 the state; 22 the time when it began.
    const line = tryRead(() => readFileSync(`/proc/${pid}/stat`, "latin1"));
    if (line === undefined) return "unknown";
    const fields = line.slice(line.lastIndexOf(") ") + 2).split(" ");
    return endedStates.includes(fields[0]!) ? undefined : `${kernel} ${fields[19]}`;
  },
  giveSign,
  hasSign,
};
