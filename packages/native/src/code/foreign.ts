// Functions of the system, addresses, and calls to machine code: the only file that knows koffi. It is loaded at the first
// use, so that whoever cannot use it (another processor, `--permission`) gets a NativeError and not a failed import.
import { createRequire } from "node:module";
import type * as Koffi from "koffi";
import { NativeError } from "../errors.ts";

// biome-ignore lint/suspicious/noExplicitAny: each prototype says in C what its function takes and returns
type ForeignFunction = (...args: any[]) => any;

/** The library of the system's functions; null is the C library. */
const systemName = process.platform === "win32" ? "kernel32.dll" : null;

let loaded: typeof Koffi | undefined;

function koffi(): typeof Koffi {
  if (loaded) return loaded;
  try {
    loaded = createRequire(import.meta.url)("koffi") as typeof Koffi;
  } catch (error) {
    const reason = (error as Error).message.split("\n")[0];
    throw new NativeError(`native: koffi, which runs machine code, cannot be loaded: ${reason}`, {
      cause: error,
    });
  }
  // koffi 3.3.4 makes the stack for a thread's calls when it first loads a library, and without one crashes in a call.
  loaded.load(systemName);
  return loaded;
}

/** A function of the system, by its C prototype: of the C library, or of the kernel of Windows. */
export function systemFunction(prototype: string): ForeignFunction {
  return koffi().load(systemName).func(prototype);
}

/** The name of the error that the last call left in errno, such as `EPERM`. */
export function lastError(): string {
  const code = koffi().errno();
  const name = Object.entries(koffi().os.errno).find(([, value]) => value === code)?.[0];
  return name ?? `errno ${code}`;
}

/** Writes bytes to an address. */
export function writeTo(address: number, bytes: Uint8Array): void {
  new Uint8Array(koffi().view(BigInt(address), bytes.length)).set(bytes);
}

/** The address of a view's first element: below 2^53 on every system. The memory must not be one that V8 moves. */
export function addressOf(view: ArrayBufferView): number {
  return Number(koffi().address(view));
}

const functions = new Map<number, (argument: number) => void>();

/**
 * The machine code at an address as a function of one address. koffi keeps 3 KB for each, for as long as the process lives:
 * so a thread should need one, of the dispatcher, and gets the same again.
 */
export function functionAt(address: number): (argument: number) => void {
  const known = functions.get(address);
  if (known) return known;
  const made = koffi().decode(BigInt(address), koffi().proto("void", ["uintptr_t"]));
  functions.set(address, made);
  return made;
}
