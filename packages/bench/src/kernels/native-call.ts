// What a call out of JavaScript into a native library costs by itself: one through koffi, of a function that does nothing
// worth the name.

/** What of koffi is used; it comes with @shardgrad/blas. */
interface Koffi {
  load(library: string): { func(definition: string): (value: number) => number };
}

/** The C library, by the system's name for it. */
const libraries: Partial<Record<NodeJS.Platform, string>> = {
  linux: "libc.so.6",
  darwin: "libSystem.dylib",
  win32: "msvcrt.dll",
};

/** A call of `abs`, or why there is none. */
export async function nativeCall(): Promise<(() => void) | { reason: string }> {
  try {
    const name: string = "koffi";
    const koffi = ((await import(name)) as { default: Koffi }).default;
    const abs = koffi.load(libraries[process.platform] ?? "libc.so").func("int abs(int)");
    return () => void abs(-1);
  } catch (error) {
    return { reason: (error as Error).message };
  }
}
