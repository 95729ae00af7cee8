// How the system's compilers call functions.

/** As on Linux and macOS, or as on Windows. */
export type Convention = "sysv" | "win64";

/** The convention of this system. */
export const convention: Convention = process.platform === "win32" ? "win64" : "sysv";
