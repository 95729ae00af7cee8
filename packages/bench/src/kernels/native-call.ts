// The cost of a call from JavaScript into a native library: through koffi, as @shardgrad/blas calls, to a function that
// does almost nothing.
import koffi from "koffi";

/** The C library's name on each system. */
const libraries: Partial<Record<NodeJS.Platform, string>> = {
  linux: "libc.so.6",
  darwin: "libSystem.dylib",
  win32: "msvcrt.dll",
};

/** A call of `abs`, or why there is none. */
export function nativeCall(): (() => void) | { reason: string } {
  try {
    const abs = koffi.load(libraries[process.platform] ?? "libc.so").func("int abs(int)");
    return () => void abs(-1);
  } catch (error) {
    // A system whose C library has another name, such as musl's.
    return { reason: (error as Error).message };
  }
}
