// The known MPI libraries: their file names, and what their binary interfaces (ABIs) have in different numbers. There
// are three: Open MPI's, MPICH's, which Intel MPI and most others share, and that of the MPI 5.0 standard.
import type { NativeLibrary } from "./native.ts";

/** The numbers of an ABI. Handles are integers here: MPICH's are, those of the others are pointers. */
export interface Abi {
  /** The C type of a handle, and its size. */
  readonly handle: "int" | "uintptr_t";
  readonly handleBytes: 4 | 8;
  /** MPI_COMM_WORLD, MPI_BYTE, MPI_ERRORS_RETURN, MPI_STATUS_IGNORE, MPI_THREAD_SERIALIZED. */
  readonly world: number;
  readonly byte: number;
  readonly errorsReturn: number;
  readonly statusIgnore: number;
  readonly serialized: number;
}

/** As in MPI 5.0, appendix A, and https://github.com/mpi-forum/mpi-abi-stubs (mpi.h). */
const standard: Abi = {
  ...{ handle: "uintptr_t", handleBytes: 8, statusIgnore: 0, serialized: 2048 },
  ...{ world: 0x101, byte: 0x247, errorsReturn: 0x143 },
};

/** As in MPICH's mpi.h, which https://www.mpich.org/abi keeps the same. */
const mpich: Abi = {
  ...{ handle: "int", handleBytes: 4, statusIgnore: 1, serialized: 2 },
  ...{ world: 0x44000000, byte: 0x4c00010d, errorsReturn: 0x54000001 },
};

/** As in Open MPI's mpi.h: predefined handles are the addresses of symbols. */
function openMpi({ symbol }: NativeLibrary): Abi | undefined {
  const [world, byte] = [symbol("ompi_mpi_comm_world"), symbol("ompi_mpi_byte")];
  const errorsReturn = symbol("ompi_mpi_errors_return");
  if (world === undefined || byte === undefined || errorsReturn === undefined) return undefined;
  return { handle: "uintptr_t", handleBytes: 8, statusIgnore: 0, serialized: 2, world, byte, errorsReturn };
}

/** Whose words a library's version begins with, and the name that people know it by. All but the first have MPICH's ABI. */
const makers: readonly (readonly [pattern: RegExp, name: string])[] = [
  [/^Open MPI v?([^\s,]+)/, "Open MPI"],
  [/^MPICH Version:\s*(\S+)/, "MPICH"],
  [/^Intel\(R\) MPI Library (\d\S*)/, "Intel MPI"],
  [/^MVAPICH\S* Version\s*:\s*(\S+)/, "MVAPICH"],
  [/^MPI VERSION\s*:\s*CRAY MPICH version (\S+)/, "Cray MPICH"],
];

/** What a library is. */
export interface Identity {
  readonly abi: Abi;
  /** `"Open MPI 4.1.4"`. */
  readonly name: string;
  /** Whether MPI_Finalize may wait for ever, unless nobody has called MPI for a while before it. */
  readonly hangsInFinalize: boolean;
}

/**
 * In MPI_Finalize, a machine of MPICH over UCX asks each other one for an answer, which any call of MPI there gives. Before
 * 4.2, it then waits in a way in which it gives none: for ever, if it had its answers before the other one has asked
 * (https://github.com/pmodels/mpich/pull/6596). If all stop calling MPI first, each gets its answers only once all have asked.
 */
function hangsInFinalize(version: string): boolean {
  const [, major, minor] = /^MPICH Version:\s*(\d+)\.(\d+)/.exec(version) ?? [];
  const isOld = Number(major) < 4 || (Number(major) === 4 && Number(minor) < 2);
  return isOld && /^MPICH Device:\s*ch4:ucx/m.test(version);
}

/** Identifies a library: before MPI_Init, which these functions may precede. Undefined if nobody knows its ABI. */
export function identify(library: NativeLibrary): Identity | undefined {
  const text = new Uint8Array(8192);
  const length = new Int32Array(1);
  library.bind("int MPI_Get_library_version(uint8_t *text, int *length)")(text, length);
  const version = new TextDecoder().decode(text.subarray(0, length[0])).split("\0")[0]!;
  const maker = makers.find(([pattern]) => pattern.test(version));
  const name = maker
    ? `${maker[1]} ${maker[0].exec(version)![1]}`
    : version.split("\n")[0]!.slice(0, 60).trim();
  const isMpich = maker !== undefined && maker !== makers[0];
  const abi = hasStandardAbi(library) ? standard : (openMpi(library) ?? (isMpich ? mpich : undefined));
  return abi && { abi, name, hangsInFinalize: hangsInFinalize(version) };
}

/** Newer libraries with an ABI of their own have the function, too, and say -1. */
function hasStandardAbi(library: NativeLibrary): boolean {
  if (library.symbol("MPI_Abi_get_version") === undefined) return false;
  const [major, minor] = [new Int32Array(1), new Int32Array(1)];
  library.bind("int MPI_Abi_get_version(int *major, int *minor)")(major, minor);
  return major[0] === 1;
}

type Family = "standard" | "Open MPI" | "MPICH" | "Intel MPI";

/** File names by platform. */
const files: Record<Family, Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  standard: {
    linux: ["libmpi_abi.so.1", "libmpi_abi.so"],
    darwin: [
      "libmpi_abi.1.dylib",
      "/opt/homebrew/lib/libmpi_abi.1.dylib",
      "/usr/local/lib/libmpi_abi.1.dylib",
    ],
  },
  "Open MPI": {
    linux: ["libmpi.so.40", "libmpi.so.80", "libmpi.so.20"],
    // Homebrew on ARM and on Intel, MacPorts.
    darwin: [
      "libmpi.40.dylib",
      "/opt/homebrew/lib/libmpi.40.dylib",
      "/usr/local/lib/libmpi.40.dylib",
      "/opt/local/lib/openmpi-mp/libmpi.40.dylib",
    ],
  },
  MPICH: {
    // The first is Debian's name, the second that of MPICH elsewhere and of Intel MPI.
    linux: ["libmpich.so.12", "libmpi.so.12"],
    darwin: [
      "libmpi.12.dylib",
      "/opt/homebrew/lib/libmpi.12.dylib",
      "/usr/local/lib/libmpi.12.dylib",
      "/opt/local/lib/mpich-mp/libmpi.12.dylib",
    ],
  },
  "Intel MPI": { linux: ["libmpi.so.12"] },
};

/**
 * The families of libraries that the launcher of this process can connect, from its variables, the likeliest first. A
 * library of another family does not find the launcher, and takes its process for the only one.
 */
export function likelyFamilies(env: Record<string, string | undefined>): readonly Family[] {
  if (env.OMPI_COMM_WORLD_SIZE !== undefined) return ["Open MPI", "standard"];
  // Its environment is loaded. Its own library with the standard's ABI ends the process at an error (2021.18).
  if (env.I_MPI_ROOT !== undefined) return ["Intel MPI", "MPICH", "standard", "Open MPI"];
  // Slurm's PMI-2 sets the same, and connects Open MPI, too.
  if (env.PMI_RANK !== undefined || env.PMI_SIZE !== undefined) return ["MPICH", "standard", "Open MPI"];
  return ["standard", "Open MPI", "MPICH"];
}

/** The file names to search for, in this order. */
export function usualPaths(families: readonly Family[], platform: NodeJS.Platform): string[] {
  // Other systems name their files as Linux does.
  return families.flatMap((family) => files[family][platform === "darwin" ? platform : "linux"] ?? []);
}
