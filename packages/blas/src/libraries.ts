// The known BLAS libraries: their file names, how to identify each, and how to set each to one thread. All have the
// same two functions, cblas_sgemm and cblas_dgemm.
import type { NativeLibrary } from "./native.ts";

/** What a library reports about itself. */
export interface Identity {
  name: "OpenBLAS" | "MKL" | "BLIS" | "Accelerate" | "BLAS";
  version: string | undefined;
  /** The processor for which it has chosen its kernels. */
  core: string | undefined;
  /** Whether it takes 64-bit sizes. */
  isWide: boolean;
}

interface Family {
  /** File names by platform. The first that loads is used. */
  files: Partial<Record<NodeJS.Platform, readonly string[]>>;
  /** Identifies a library of this family, and sets it to the calling thread alone; undefined for others. */
  adopt(library: NativeLibrary): Identity | undefined;
}

const openBlas: Family = {
  files: {
    // 0 is the name on Debian and most others; p and o are Fedora's with threads and OpenMP; 3 is Alpine's.
    linux: [
      "libopenblas.so.0",
      "libopenblas.so",
      "libopenblasp.so.0",
      "libopenblaso.so.0",
      "libopenblas.so.3",
    ],
    // Homebrew on ARM and on Intel, MacPorts.
    darwin: [
      "libopenblas.dylib",
      "/opt/homebrew/opt/openblas/lib/libopenblas.dylib",
      "/usr/local/opt/openblas/lib/libopenblas.dylib",
      "/opt/local/lib/libopenblas.dylib",
    ],
    win32: ["libopenblas.dll", "openblas.dll"],
  },
  adopt(library) {
    const config: string | undefined = library.find("const char *openblas_get_config()")?.();
    if (config === undefined) return undefined;
    library.find("void openblas_set_num_threads(int)")?.(1);
    return {
      name: "OpenBLAS",
      version: /OpenBLAS (\d\S*)/.exec(config)?.[1],
      core: library.find("const char *openblas_get_corename()")?.(),
      isWide: config.includes("USE64BITINT"),
    };
  },
};

/** Constants of mkl_service.h. */
const mklConstants = { interfaceLp64: 0, threadingSequential: 1, cbwrAuto: 2 };

const mkl: Family = {
  files: {
    linux: ["libmkl_rt.so", "libmkl_rt.so.3", "libmkl_rt.so.2", "libmkl_rt.so.1"],
    darwin: ["libmkl_rt.dylib", "libmkl_rt.2.dylib", "libmkl_rt.1.dylib"],
    win32: ["mkl_rt.dll", "mkl_rt.3.dll", "mkl_rt.2.dll", "mkl_rt.1.dll"],
  },
  adopt(library) {
    const versionOf = library.find("void MKL_Get_Version_String(void *, int)");
    if (!versionOf) return undefined;
    // First of all: mkl_rt ends the process if it does not find the OpenMP that it would load by itself.
    library.find("int MKL_Set_Interface_Layer(int)")?.(mklConstants.interfaceLp64);
    library.find("int MKL_Set_Threading_Layer(int)")?.(mklConstants.threadingSequential);
    // The same bits for any alignment of the operands, which MKL does not guarantee otherwise.
    library.find("int MKL_CBWR_Set(int)")?.(mklConstants.cbwrAuto);
    library.find("void MKL_Set_Num_Threads(int)")?.(1);
    const text = new Uint8Array(256);
    versionOf(text, text.length);
    const version = /Version (\d[\d.]*)/.exec(new TextDecoder().decode(text))?.[1];
    return { name: "MKL", version, core: undefined, isWide: false };
  },
};

const blis: Family = {
  files: {
    linux: ["libblis.so.4", "libblis.so", "libblis.so.5", "libblis.so.3", "libblis-mt.so"],
    darwin: [
      "libblis.dylib",
      "/opt/homebrew/opt/blis/lib/libblis.dylib",
      "/usr/local/opt/blis/lib/libblis.dylib",
    ],
    win32: ["libblis.dll", "AOCL-LibBlis-Win-MT-dll.dll"],
  },
  adopt(library) {
    const setThreads = library.find("void bli_thread_set_num_threads(int64_t)");
    if (!setThreads) return undefined;
    setThreads(1);
    const architecture: number | undefined = library.find("int bli_arch_query_id()")?.();
    return {
      name: "BLIS",
      version: library.find("const char *bli_info_get_version_str()")?.(),
      core:
        architecture === undefined
          ? undefined
          : library.find("const char *bli_arch_string(int)")?.(architecture),
      isWide: false,
    };
  },
};

const accelerate: Family = {
  files: { darwin: ["/System/Library/Frameworks/Accelerate.framework/Accelerate"] },
  adopt(library) {
    if (!library.path.includes("Accelerate.framework")) return undefined;
    const singleThreaded = 1;
    // Per thread, from macOS 15 on. Older systems have only this variable, which is read at the first call.
    if (library.find("int BLASSetThreading(unsigned int)")?.(singleThreaded) !== 0)
      process.env.VECLIB_MAXIMUM_THREADS = "1";
    return { name: "Accelerate", version: undefined, core: undefined, isWide: false };
  },
};

/** In search order. */
const families: readonly Family[] = [openBlas, mkl, blis, accelerate];

/** The file names to search for. */
export function usualPaths(platform: NodeJS.Platform): string[] {
  // Other systems name their files as Linux does.
  return families.flatMap(({ files }) => files[platform in openBlas.files ? platform : "linux"] ?? []);
}

/** Identifies a library. An unknown one may be used if the caller named its path. */
export function identify(library: NativeLibrary): Identity {
  for (const { adopt } of families) {
    const identity = adopt(library);
    if (identity) return identity;
  }
  return { name: "BLAS", version: undefined, core: undefined, isWide: false };
}
