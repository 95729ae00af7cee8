// The search for a library: the order for each launcher, what a library is, and one line for each reason to refuse one.
// Mostly on imaginary machines, with libraries written in TypeScript.
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { MpiError } from "./errors.ts";
import type { Machine } from "./find-mpi.ts";
import { searchMpi } from "./find-mpi.ts";
import { usualPaths } from "./libraries.ts";
import type { NativeLibrary } from "./native.ts";
import { loadLibrary } from "./native.ts";

type Symbols = Record<string, number | ((...args: never[]) => number)>;

/** A library that describes itself so. */
const describing = (version: string, symbols: Symbols = {}): Symbols => ({
  MPI_Init_thread: 1,
  MPI_Get_library_version: (text: Uint8Array, length: Int32Array) => {
    length[0] = new TextEncoder().encodeInto(version, text).written;
    return 0;
  },
  ...symbols,
});

const abiVersion = (version: number): Symbols => ({
  MPI_Abi_get_version: (major: Int32Array, minor: Int32Array) => {
    [major[0], minor[0]] = [version, version];
    return 0;
  },
});

const openMpi = describing("Open MPI v4.1.4, package: Debian OpenMPI, ident: 4.1.4, May 26, 2022\0", {
  ...{ ompi_mpi_comm_world: 0x1000, ompi_mpi_byte: 0x2000, ompi_mpi_errors_return: 0x3000 },
});
const mpich = describing("MPICH Version:\t4.0.2\nMPICH Release date:\tThu Apr  7 12:34:45 CDT 2022\n");

/** A machine with the given libraries; `asked` collects the tried paths. */
function machine(libraries: Record<string, Symbols>, env: Machine["env"] = {}) {
  const asked: string[] = [];
  const load = (path: string): NativeLibrary => {
    asked.push(path);
    const symbols = libraries[path];
    if (!symbols) throw new Error("no such file");
    return {
      path,
      symbol: (name) => (typeof symbols[name] === "function" ? 1 : symbols[name]),
      bind: (prototype) => symbols[/(\w+)\(/.exec(prototype)![1]!] as never,
    };
  };
  return { asked, env, platform: "linux" as NodeJS.Platform, load };
}

const all = {
  ...{ "libmpi_abi.so.1": mpich, "libmpi.so.40": openMpi },
  ...{ "libmpich.so.12": mpich, "libmpi.so.12": mpich },
};

describe("the order", () => {
  it.each<[launcher: string, env: Machine["env"], first: string]>([
    ["Open MPI's", { OMPI_COMM_WORLD_SIZE: "2", PMIX_RANK: "0" }, "libmpi.so.40"],
    ["MPICH's", { PMI_RANK: "0", PMI_SIZE: "2" }, "libmpich.so.12"],
    ["Intel's", { PMI_RANK: "0", PMI_SIZE: "2", I_MPI_ROOT: "/opt/intel" }, "libmpi.so.12"],
    ["Slurm's with PMIx", { PMIX_RANK: "0", SLURM_NTASKS: "2" }, "libmpi_abi.so.1"],
  ])("%s launcher has its own library first", (_, env, first) => {
    const here = machine(all, env);
    expect(searchMpi(here).library.path).toBe(first);
    expect(here.asked).toEqual([first]);
  });

  it("no MPICH is tried under Open MPI's launcher, where it would take its process for the only one", () => {
    const here = machine({ "libmpich.so.12": mpich }, { OMPI_COMM_WORLD_SIZE: "2" });
    expect(() => searchMpi(here)).toThrow(/^mpi: found no library that fits the launcher \(libmpi\.so\.40, /);
    expect(here.asked).not.toContain("libmpich.so.12");
  });

  it("a Mac has names of its own, and other systems have those of Linux", () => {
    const families = ["standard", "Open MPI", "MPICH"] as const;
    expect(usualPaths(families, "darwin").every((path) => path.endsWith(".dylib"))).toBe(true);
    expect(usualPaths(families, "freebsd")).toEqual(usualPaths(families, "linux"));
  });

  it("goes on past one that cannot be used, and tells of it if there is no other", () => {
    const broken = { "libmpi.so.40": {} };
    expect(searchMpi(machine({ ...broken, "libmpich.so.12": mpich })).name).toBe("MPICH 4.0.2");
    expect(() => searchMpi(machine(broken))).toThrow(
      /^mpi: libmpi\.so\.40 has no MPI_Init_thread, so it is no MPI; set SHARDGRAD_MPI /,
    );
  });

  it("SHARDGRAD_MPI names the only one that is tried; empty, it is none", () => {
    const named = machine({ ...all, "/a.so": openMpi }, { SHARDGRAD_MPI: "/a.so", PMI_RANK: "0" });
    expect(searchMpi(named).library.path).toBe("/a.so");
    expect(named.asked).toEqual(["/a.so"]);
    expect(() => searchMpi(machine(all, { SHARDGRAD_MPI: "/b.so" }))).toThrow(
      "mpi: /b.so cannot be loaded: no such file; set SHARDGRAD_MPI to the path of the launcher's libmpi, or unset it to have one found",
    );
    expect(searchMpi(machine(all, { SHARDGRAD_MPI: "" })).library.path).toBe("libmpi_abi.so.1");
  });

  it("Windows has none", () => {
    expect(() => searchMpi({ ...machine(all), platform: "win32" })).toThrow(/^mpi: .* Windows/);
  });
});

describe("what a library is", () => {
  const find = (symbols: Symbols) => searchMpi(machine({ "/x.so": symbols }, { SHARDGRAD_MPI: "/x.so" }));

  it.each<[name: string, symbols: Symbols]>([
    ["MPICH 4.0.2", mpich],
    ["MPICH 5.0.2", describing("MPICH Version:      5.0.2\nMPICH Release date: x", abiVersion(-1))],
    ["Intel MPI 2021.13", describing("Intel(R) MPI Library 2021.13 for Linux* OS\n")],
    ["MVAPICH 2.3.7", describing("MVAPICH2 Version      :\t2.3.7\nMVAPICH2 Release date : x")],
    ["Cray MPICH 8.1.28", describing("MPI VERSION    : CRAY MPICH version 8.1.28 (ANL base 3.4a2)\n")],
  ])("%s has MPICH's ABI", (name, symbols) => {
    const { abi, name: told } = find(symbols);
    expect(told).toBe(name);
    expect(abi).toMatchObject({ handle: "int", world: 0x44000000, statusIgnore: 1 });
  });

  it.each([
    ["4.0.2", "ch4:ucx", true],
    ["3.4", "ch4:ucx", true],
    ["4.1.3", "ch4:ucx", true],
    ["4.2.0", "ch4:ucx", false],
    ["5.0.1", "ch4:ucx", false],
    ["4.0.2", "ch4:ofi", false],
    ["3.4", "ch3:nemesis", false],
  ])("MPICH %s, %s: whether it may wait for ever at its end: %s", (version, device, expected) => {
    const { hangsInFinalize } = find(
      describing(`MPICH Version:\t${version}\nMPICH Release date:\tx\nMPICH Device:\t${device}\n`),
    );
    expect(hangsInFinalize).toBe(expected);
  });

  it("handles of Open MPI are the addresses of its symbols", () => {
    const { abi, name } = find({ ...openMpi, ...abiVersion(-1) });
    expect(name).toBe("Open MPI 4.1.4");
    expect(abi).toMatchObject({ handle: "uintptr_t", world: 0x1000, byte: 0x2000, errorsReturn: 0x3000 });
  });

  it("the standard's ABI is known by its function, whoever made the library", () => {
    for (const made of [openMpi, mpich, describing("Some MPI 1.0")])
      expect(find({ ...made, ...abiVersion(1) }).abi).toMatchObject({ world: 0x101, serialized: 2048 });
  });

  it("one of an unknown ABI is refused", () => {
    const find1 = () => find(describing("Some MPI 1.0"));
    expect(find1).toThrow(MpiError);
    expect(find1).toThrow(/^mpi: \/x\.so has an ABI that is none of /);
  });
});

describe("on this machine", () => {
  const named = (path: string) => () =>
    searchMpi({ env: { SHARDGRAD_MPI: path }, platform: process.platform, load: loadLibrary });

  it("a file that is no library is refused with the system's reason", () => {
    const path = fileURLToPath(import.meta.url);
    expect(named(path)).toThrow(MpiError);
    expect(named(path)).toThrow(/ cannot be loaded: [^;\n]*\w; set SHARDGRAD_MPI to /);
  });

  it.skipIf(process.platform !== "linux")("so is a library without MPI", () => {
    expect(named("libc.so.6")).toThrow(/^mpi: libc\.so\.6 has no MPI_Init_thread, so it is no MPI;/);
  });
});
