// Shared libraries, and addresses of numbers: the only file that knows koffi.
import koffi from "koffi";

// biome-ignore lint/suspicious/noExplicitAny: each prototype says in C what its function takes and returns
type NativeFunction = (...args: any[]) => any;

/** A shared library that has been loaded. */
export interface NativeLibrary {
  /** The path or name by which it was loaded. */
  readonly path: string;
  /** A function by its C prototype; undefined if the library does not have it. */
  find(prototype: string): NativeFunction | undefined;
}

/** Loads a library, once per process however many threads ask; throws with the system's reason. */
export function loadLibrary(path: string): NativeLibrary {
  const library = koffi.load(path);
  return {
    path,
    find(prototype) {
      try {
        return library.func(prototype);
      } catch (error) {
        // koffi has no other way to ask. Any other error, such as a wrong prototype, is a bug.
        if (/^Cannot find function/.test((error as Error).message)) return undefined;
        throw error;
      }
    },
  };
}

/** The address of a view's first element, as an integer: below 2^53 on every system. */
export function addressOf(view: ArrayBufferView): number {
  return Number(koffi.address(view));
}
