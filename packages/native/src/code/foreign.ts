// Functions of the system, addresses, and calls to machine code: the only file that knows koffi. It is loaded at the first
// use, so that whoever cannot use it (another processor, `--permission`) gets a NativeError and not a failed import.
import { createRequire } from "node:module";
import type * as Koffi from "koffi";
import { NativeError } from "../errors.ts";

// biome-ignore lint/suspicious/noExplicitAny: each prototype says in C what its function takes and returns
type ForeignFunction = (...args: any[]) => any;

let loaded: typeof Koffi | undefined;

function koffi(): typeof Koffi {
  try {
    loaded ??= createRequire(import.meta.url)("koffi") as typeof Koffi;
    return loaded;
  } catch (error) {
    const reason = (error as Error).message.split("\n")[0];
    throw new NativeError(`native: koffi, which runs machine code, cannot be loaded: ${reason}`, { cause: error });
  }
}

/** The functions of a library of the system, by their C prototypes; null is the C library. */
export function systemLibrary(name: string | null): (prototype: string) => ForeignFunction {
  const library = koffi().load(name);
  return (prototype) => library.func(prototype);
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

/**
 * The machine code at an address as a function of one address. koffi keeps 3 KB for each, for as long as the process lives:
 * a thread makes one, of the dispatcher.
 */
export function functionAt(address: number): (argument: number) => void {
  return koffi().decode(BigInt(address), koffi().proto("void", ["uintptr_t"]));
}
