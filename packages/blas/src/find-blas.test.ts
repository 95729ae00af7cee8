// The search for a library: the order, the description, and one line for each reason to refuse one. Mostly on imaginary
// machines, with libraries written in TypeScript.
import { fileURLToPath } from "node:url";
import koffi from "koffi";
import { describe, expect, it, test } from "vitest";
import { BlasError } from "./errors.ts";
import type { Machine } from "./find-blas.ts";
import { findBlas, searchBlas } from "./find-blas.ts";
import type { CblasGemm } from "./gemm.ts";
import { cblas } from "./gemm.ts";
import { usualPaths } from "./libraries.ts";
import type { NativeLibrary } from "./native.ts";
import { addressOf, loadLibrary } from "./native.ts";

/** cblas_sgemm or cblas_dgemm by definition; adds `flaw` to every element. */
function plainCblas(Floats: Float32ArrayConstructor | Float64ArrayConstructor, flaw = 0): CblasGemm {
  return (_order, transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc) => {
    const bytes = Floats.BYTES_PER_ELEMENT;
    const view = (address: number, rows: number, leading: number) =>
      new Floats(koffi.view(address, rows * leading * bytes));
    const A = view(a, transA === cblas.trans ? k : m, lda);
    const B = view(b, transB === cblas.trans ? n : k, ldb);
    const C = view(c, m, ldc);
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let l = 0; l < k; l++) {
          const x = A[transA === cblas.trans ? l * lda + i : i * lda + l]!;
          sum += x * B[transB === cblas.trans ? j * ldb + l : l * ldb + j]!;
        }
        C[i * ldc + j] = alpha * sum + (beta === 0 ? 0 : beta * C[i * ldc + j]!) + flaw;
      }
    }
  };
}

type Symbols = Record<string, (...args: never[]) => unknown>;

const gemms: Symbols = { cblas_sgemm: plainCblas(Float32Array), cblas_dgemm: plainCblas(Float64Array) };

/** OpenBLAS as it describes itself. */
const openBlas = (core = "Haswell", threads?: number[]): Symbols => ({
  ...gemms,
  openblas_get_config: () => `OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH NO_AFFINITY ${core} MAX_THREADS=64`,
  openblas_get_corename: () => core,
  openblas_set_num_threads: (count: number) => threads?.push(count),
});

/** A machine with the given libraries; `asked` collects the tried paths. */
function machine(libraries: Record<string, Symbols>, env: Machine["env"] = {}) {
  const asked: string[] = [];
  const load = (path: string): NativeLibrary => {
    asked.push(path);
    const symbols = libraries[path];
    if (!symbols) throw new Error("Failed to load shared library: no such file");
    return { path, find: (prototype) => symbols[/(\w+)\(/.exec(prototype)![1]!] as never };
  };
  return { asked, env, platform: "linux" as const, load };
}

describe("the order", () => {
  it("is OpenBLAS, MKL, BLIS, and Accelerate on a Mac", () => {
    const kinds = (platform: NodeJS.Platform) =>
      usualPaths(platform).map((path) => /openblas|mkl|blis|Accelerate/i.exec(path)?.[0].toLowerCase());
    expect([...new Set(kinds("linux"))]).toEqual(["openblas", "mkl", "blis"]);
    expect([...new Set(kinds("win32"))]).toEqual(["openblas", "mkl", "blis"]);
    expect([...new Set(kinds("darwin"))]).toEqual(["openblas", "mkl", "blis", "accelerate"]);
    expect(usualPaths("freebsd")).toEqual(usualPaths("linux"));
  });

  it("ends at the first that loads", () => {
    const here = machine({ "libopenblas.so": openBlas(), "libmkl_rt.so": gemms });
    expect(searchBlas({}, here).path).toBe("libopenblas.so");
    expect(here.asked).toEqual(["libopenblas.so.0", "libopenblas.so"]);
  });

  it("goes on past one that cannot be used, and tells of it if there is no other", () => {
    const broken = { "libopenblas.so.0": { openblas_get_config: () => "" } };
    expect(searchBlas({}, machine({ ...broken, "libblis.so.4": gemms })).path).toBe("libblis.so.4");
    expect(() => searchBlas({}, machine(broken))).toThrow(/^blas: libopenblas\.so\.0 has no cblas_sgemm;/);
  });

  it("a path comes first, the argument before the variable, and nothing else is tried then", () => {
    const env = { SHARDGRAD_BLAS: "/b.so" };
    const both = machine({ "/a.so": gemms, "/b.so": gemms, "libopenblas.so.0": openBlas() }, env);
    expect(searchBlas({ library: "/a.so" }, both).path).toBe("/a.so");
    expect(searchBlas({}, both).path).toBe("/b.so");
    expect(both.asked).toEqual(["/a.so", "/b.so"]);
    const none = machine({ "libopenblas.so.0": openBlas() }, env);
    expect(() => searchBlas({}, none)).toThrow("blas: /b.so cannot be loaded: no such file;");
    expect(none.asked).toEqual(["/b.so"]);
  });

  it("an empty variable is none, and `off` switches everything off", () => {
    const libraries = { "libopenblas.so.0": openBlas(), "/a.so": gemms };
    expect(searchBlas({}, machine(libraries, { SHARDGRAD_BLAS: "" })).name).toBe("OpenBLAS");
    const off = machine(libraries, { SHARDGRAD_BLAS: "off" });
    for (const options of [{}, { library: "/a.so" }])
      expect(() => searchBlas(options, off)).toThrow("blas: switched off by SHARDGRAD_BLAS=off");
    expect(off.asked).toEqual([]);
  });
});

describe("what is told of a library, which gets one thread", () => {
  const threads: number[] = [];
  const set = (count: number) => void threads.push(count);

  it.each<[description: string, symbols: Symbols, env?: Machine["env"]]>([
    ["OpenBLAS 0.3.21 (SkylakeX)", openBlas("SkylakeX", threads)],
    [
      "OpenBLAS 0.3.21 (Haswell, set by OPENBLAS_CORETYPE)",
      openBlas("Haswell", threads),
      { OPENBLAS_CORETYPE: "haswell" },
    ],
    [
      "OpenBLAS 0.3.21 (SkylakeX, OPENBLAS_CORETYPE is Zen9)",
      openBlas("SkylakeX", threads),
      { OPENBLAS_CORETYPE: "Zen9" },
    ],
    [
      "MKL 2026.2",
      {
        ...gemms,
        MKL_Get_Version_String: (text: Uint8Array) =>
          new TextEncoder().encodeInto("Intel(R) oneAPI Math Kernel Library Version 2026.2-Product", text),
        MKL_Set_Num_Threads: set,
      },
      { OPENBLAS_CORETYPE: "Haswell" },
    ],
    [
      "BLIS 0.9.0 (zen3)",
      {
        ...gemms,
        bli_thread_set_num_threads: set,
        bli_info_get_version_str: () => "0.9.0",
        bli_arch_query_id: () => 7,
        bli_arch_string: (id: number) => (id === 7 ? "zen3" : "generic"),
      },
    ],
  ])("%s", (description, symbols, env = {}) => {
    threads.length = 0;
    const blas = searchBlas({ library: "/blas.so" }, machine({ "/blas.so": symbols }, env));
    expect(blas.description).toBe(description);
    expect(description).toContain([blas.name, blas.version].join(" "));
    expect(threads).toEqual([1]);
  });

  it("one that nobody knows is told by its path", () => {
    const { name, description } = searchBlas({ library: "/x.so" }, machine({ "/x.so": gemms }));
    expect([name, description]).toEqual(["BLAS", "BLAS (/x.so)"]);
  });

  it("64-bit sizes are passed as such", () => {
    const prototypes: string[] = [];
    const symbols = { ...openBlas(), openblas_get_config: () => "OpenBLAS 0.3.21 USE64BITINT" };
    const { load, ...rest } = machine({ "/x.so": symbols });
    const watched = (path: string): NativeLibrary => {
      const library = load(path);
      return {
        path,
        find: (prototype) => {
          prototypes.push(prototype);
          return library.find(prototype);
        },
      };
    };
    searchBlas({ library: "/x.so" }, { ...rest, load: watched });
    const sizes = "int64_t, int64_t, int64_t";
    const matrix = "uintptr_t, int64_t";
    expect(prototypes).toContain(
      `void cblas_sgemm(int, int, int, ${sizes}, float, ${matrix}, ${matrix}, float, ${matrix})`,
    );
  });
});

describe("a library that computes wrongly is refused", () => {
  const plain = plainCblas(Float32Array);
  const ignoring: Record<string, CblasGemm> = {
    "a flaw in every element": plainCblas(Float32Array, 1),
    "A is never transposed": (order, _, ...rest) => plain(order, cblas.noTrans, ...rest),
    "B is always transposed": (order, transA, _, ...rest) => plain(order, transA, cblas.trans, ...rest),
    "beta is never 0": (...args) => plain(...(args.with(11, 1) as Parameters<CblasGemm>)),
    "beta 0 times what stood there": (...args) => {
      const [, , , m, n, , , , , , , beta, c, ldc] = args;
      const C = new Float32Array(koffi.view(c, m * ldc * 4)).slice();
      plain(...args);
      const sums = new Float32Array(koffi.view(c, m * ldc * 4));
      if (beta === 0) for (let i = 0; i < m * ldc; i++) if (i % ldc < n) sums[i]! += 0 * C[i]!;
    },
    "beta is always 0": (...args) => plain(...(args.with(11, 0) as Parameters<CblasGemm>)),
    "nothing happens": () => undefined,
    "rows of C have no gaps": (...args) => plain(...(args.with(13, args[4]) as Parameters<CblasGemm>)),
  };

  test.each(Object.entries(ignoring))("%s", (_, cblas_sgemm) => {
    const search = () => searchBlas({ library: "/x.so" }, machine({ "/x.so": { ...gemms, cblas_sgemm } }));
    expect(search).toThrow(BlasError);
    expect(search).toThrow(
      /^blas: \/x\.so computes wrongly: a product \(float32, A \w+, B \w+, beta [01]\) has \S+ where \S+ is right; name another library/,
    );
  });

  test("in float64, too", () => {
    const symbols = { ...gemms, cblas_dgemm: plainCblas(Float64Array, 2 ** -40) };
    expect(() => searchBlas({ library: "/x.so" }, machine({ "/x.so": symbols }))).toThrow(
      /computes wrongly: a product \(float64/,
    );
  });
});

describe("on this machine", () => {
  const nothing = { env: {}, platform: process.platform, load: loadLibrary };
  /** A library that every process has already loaded. */
  const system = { linux: "libc.so.6", darwin: "libSystem.dylib", win32: "kernel32.dll" }[
    process.platform as string
  ];

  it("a file that is no library is refused with the system's reason", () => {
    const library = fileURLToPath(import.meta.url);
    const search = () => searchBlas({ library }, nothing);
    expect(search).toThrow(BlasError);
    expect(search).toThrow(`blas: ${library} cannot be loaded: `);
    expect(search).toThrow(
      /: [^:\n]*\w; name another library \(SHARDGRAD_BLAS\), or none to have one found$/,
    );
  });

  it("so is a file that does not exist", () => {
    expect(() => searchBlas({ library: "/no/such/blas.so" }, nothing)).toThrow(
      /^blas: \/no\/such\/blas\.so cannot be loaded: .*\w; name another library/,
    );
  });

  it.skipIf(!system)("so is a library without matrix products", () => {
    expect(() => searchBlas({ library: system! }, nothing)).toThrow(
      `blas: ${system} has no cblas_sgemm; name another library (SHARDGRAD_BLAS), or none to have one found`,
    );
  });

  it("without any library the line says what to do", () => {
    expect(() => searchBlas({}, machine({}))).toThrow(
      /^blas: found no OpenBLAS, MKL, BLIS or Accelerate; install one .*, or set SHARDGRAD_BLAS to the path/,
    );
  });

  it("a mistake in a prototype is not taken for a missing function", () => {
    expect(() => loadLibrary(system ?? "libc.so.6").find("nonsense abs(int)")).toThrow(/nonsense/);
  });

  it("addresses are those of the elements", () => {
    const view = new Float32Array([1, 2, 3, 4]);
    expect(new Float32Array(koffi.view(addressOf(view) + 8, 8))).toEqual(new Float32Array([3, 4]));
    expect(addressOf(view.subarray(2))).toBe(addressOf(view) + 8);
  });

  it("what is found has proved itself", () => {
    let found: string | undefined;
    try {
      found = findBlas().description;
    } catch (error) {
      expect(error).toBeInstanceOf(BlasError);
    }
    if (found !== undefined) expect(found).toMatch(/^(OpenBLAS|MKL|BLIS|Accelerate|BLAS)\b/);
  });
});
