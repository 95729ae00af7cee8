// Shared libraries, their symbols, and addresses of numbers: the only file that knows koffi.
import { constants } from "node:os";
import koffi from "koffi";

// biome-ignore lint/suspicious/noExplicitAny: each prototype says in C what its function takes and returns
export type NativeFunction = (...args: any[]) => any;

/** A shared library that has been loaded. */
export interface NativeLibrary {
  /** The path or name by which it was loaded. */
  readonly path: string;
  /** The address of a symbol; undefined if the library does not have it. */
  symbol(name: string): number | undefined;
  /** A function by its C prototype. The library must have it. */
  bind(prototype: string): NativeFunction;
}

/** dlfcn.h, by platform. Other systems number as Linux does. */
const modes: Partial<Record<NodeJS.Platform, Record<"now" | "global" | "nodelete", number>>> = {
  linux: { now: 2, global: 0x100, nodelete: 0x1000 },
  darwin: { now: 2, global: 8, nodelete: 0x80 },
};

/**
 * Loads a library for as long as the process lives; throws with the system's reason. koffi unloads its libraries at exit,
 * while threads of an MPI still run, hence NODELETE. GLOBAL, because plugins of Open MPI look for its symbols.
 */
export function loadLibrary(path: string): NativeLibrary {
  // The C library, which has dlopen on every system with one.
  const system = koffi.load(null);
  const dlopen = system.func("uintptr_t dlopen(const char *name, int mode)");
  const dlsym = system.func("uintptr_t dlsym(uintptr_t handle, const char *name)");
  const dlerror = system.func("const char *dlerror()");
  const { now, global, nodelete } = modes[process.platform] ?? modes.linux!;
  const handle = dlopen(path, now | global | nodelete);
  if (Number(handle) === 0) throw new Error(dlerror());
  const library = koffi.load(path);
  return {
    path,
    symbol: (name) => Number(dlsym(handle, name)) || undefined,
    bind: (prototype) => library.func(prototype),
  };
}

/**
 * Does something, and puts back the handlers of the signals by which V8 notices that WebAssembly left its memory. UCX, which
 * MPICH and Open MPI use, sets its own, which end the process.
 */
export function keepTraps<T>(work: () => T): T {
  const sigaction = koffi.load(null).func("int sigaction(int signal, void *action, void *before)");
  const kept = [constants.signals.SIGSEGV, constants.signals.SIGBUS].map((signal) => {
    // At least as large as any system's struct sigaction.
    const action = new Uint8Array(512);
    sigaction(signal, null, action);
    return { signal, action };
  });
  try {
    return work();
  } finally {
    for (const { signal, action } of kept) sigaction(signal, action, null);
  }
}

/** Stops this thread for less than a second. */
export function sleep(ms: number): void {
  koffi.load(null).func("int usleep(unsigned int microseconds)")(1000 * ms);
}

/** The address of a view's first element, as an integer: below 2^53 on every system. */
export function addressOf(view: ArrayBufferView): number {
  return Number(koffi.address(view));
}
