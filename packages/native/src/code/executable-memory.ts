// Executable memory: each system's ways to get it, the one that hardened systems allow first. Code is never writable while
// it can run, and stays for as long as the process lives.
import { NativeError } from "../errors.ts";
import { lastError, systemFunction, writeTo } from "./foreign.ts";

/** One way: puts code into memory, and returns its address. Throws a `Refusal`. */
type Way = (code: Uint8Array) => number;

/** The system refused a call. */
class Refusal extends Error {}

const [READ, WRITE, EXECUTE] = [1, 2, 4];
const MAP_PRIVATE = 2;
const MFD_CLOEXEC = 1;
const macOs = process.platform === "darwin";
const MAP_ANONYMOUS = macOs ? 0x1000 : 0x20;
const MAP_JIT = 0x800;

/** Maps memory. */
function map(bytes: number, protection: number, flags: number, file: number): number {
  const mmap = systemFunction("uintptr_t mmap(uintptr_t, size_t, int, int, int, int64_t)");
  const address = Number(mmap(0, bytes, protection, flags, file, 0));
  // Failure is -1, the highest address.
  if (address > Number.MAX_SAFE_INTEGER) throw new Refusal(`mmap: ${lastError()}`);
  return address;
}

/** A file without a name, whose contents are mapped: no page is ever both writable and executable. */
function byFile(code: Uint8Array): number {
  const file: number = systemFunction("int memfd_create(const char *, unsigned int)")(
    "shardgrad kernels",
    MFD_CLOEXEC,
  );
  if (file < 0) throw new Refusal(`memfd_create: ${lastError()}`);
  try {
    const write = systemFunction("intptr_t write(int, const uint8_t *, size_t)");
    for (let at = 0; at < code.length; ) {
      const written = Number(write(file, code.subarray(at), code.length - at));
      if (written <= 0) throw new Refusal(`write: ${lastError()}`);
      at += written;
    }
    return map(code.length, READ | EXECUTE, MAP_PRIVATE, file);
  } finally {
    systemFunction("int close(int)")(file);
  }
}

/** Memory that is written, and made executable then. */
function byProtection(code: Uint8Array): number {
  const address = map(code.length, READ | WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
  writeTo(address, code);
  if (systemFunction("int mprotect(uintptr_t, size_t, int)")(address, code.length, READ | EXECUTE) === 0)
    return address;
  const reason = lastError();
  systemFunction("int munmap(uintptr_t, size_t)")(address, code.length);
  throw new Refusal(`mprotect: ${reason}`);
}

/** What a Mac asks of programs with the hardened runtime; on Intel such memory may be written, too. */
function byJit(code: Uint8Array): number {
  const address = map(code.length, READ | WRITE | EXECUTE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_JIT, -1);
  writeTo(address, code);
  return address;
}

function onWindows(code: Uint8Array): number {
  const reason = () => `error ${systemFunction("uint32_t __stdcall GetLastError()")()}`;
  const [MEM_COMMIT_RESERVE, PAGE_READWRITE, PAGE_EXECUTE_READ, MEM_RELEASE] = [0x3000, 4, 0x20, 0x8000];
  const allocate = systemFunction("uintptr_t __stdcall VirtualAlloc(uintptr_t, size_t, uint32_t, uint32_t)");
  const address = Number(allocate(0, code.length, MEM_COMMIT_RESERVE, PAGE_READWRITE));
  if (address === 0) throw new Refusal(`VirtualAlloc: ${reason()}`);
  writeTo(address, code);
  const protect = systemFunction("bool __stdcall VirtualProtect(uintptr_t, size_t, uint32_t, uint32_t *)");
  if (!protect(address, code.length, PAGE_EXECUTE_READ, new Uint32Array(1))) {
    const why = reason();
    systemFunction("bool __stdcall VirtualFree(uintptr_t, size_t, uint32_t)")(address, 0, MEM_RELEASE);
    throw new Refusal(`VirtualProtect: ${why}`);
  }
  const flush = systemFunction("bool __stdcall FlushInstructionCache(intptr_t, uintptr_t, size_t)");
  // -1 is this process.
  flush(-1, address, code.length);
  return address;
}

const ways: Partial<Record<NodeJS.Platform, readonly Way[]>> = {
  linux: [byFile, byProtection],
  darwin: [byProtection, byJit],
  win32: [onWindows],
};

/**
 * Puts code into memory of this process where it can be run, by any thread.
 *
 * @returns its address, at the start of a page
 * @throws NativeError with the system's reasons if it allows none
 */
export function installCode(code: Uint8Array): number {
  const refused: string[] = [];
  for (const way of ways[process.platform] ?? [byProtection]) {
    try {
      return way(code);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refused.push(error.message);
    }
  }
  throw new NativeError(
    `native: the system allows this process no executable memory (${refused.join(", ")}); run it without MemoryDenyWriteExecute or a like restriction, or stay with WebAssembly`,
  );
}
