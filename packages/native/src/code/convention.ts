// How this system calls functions.
import type { Convention } from "../backends.ts";

export const convention: Convention = ofSystem();

function ofSystem(): Convention {
  if (process.arch === "arm64") return "aapcs64";
  return process.platform === "win32" ? "win64" : "sysv";
}
