// Shared libraries, and where numbers lie in the address space: the only file that knows koffi.
import koffi from "koffi";

// biome-ignore lint/suspicious/noExplicitAny: each prototype says in C what its function takes and returns
type NativeFunction = (...args: any[]) => any;

/** A shared library that has been loaded. */
export interface NativeLibrary {
  /** As it was asked for: a path, or a name that the system's loader found. */
  readonly path: string;
  /** A function by its C prototype; undefined if the library has none of that name. */
  find(prototype: string): NativeFunction | undefined;
}

/** Loads a library, which happens once per process however many threads ask; throws with the system's reason. */
export function loadLibrary(path: string): NativeLibrary {
  const library = koffi.load(path);
  return {
    path,
    find(prototype) {
      try {
        return library.func(prototype);
      } catch (error) {
        // The only way to ask. Anything else, such as a prototype with a mistake, is a defect.
        if (/^Cannot find function/.test((error as Error).message)) return undefined;
        throw error;
      }
    },
  };
}

/** The address of the first element of a view, as an integer: below 2^53 on every system there is. */
export function addressOf(view: ArrayBufferView): number {
  return Number(koffi.address(view));
}
