// How this system calls functions.
import type { Convention } from "../x64/machine.ts";

export const convention: Convention = process.platform === "win32" ? "win64" : "sysv";
