// Chooses the machine code for this processor, puts it into memory, checks it, and offers it as kernels for core. Selects
// nothing.
import type { Heap, KernelsOver } from "@shardgrad/core/engine";
import type { InstructionSet } from "./backends.ts";
import type { BoundKernels } from "./call/bind-kernels.ts";
import { bindKernels } from "./call/bind-kernels.ts";
import { installRunner } from "./call/runner.ts";
import { installCode } from "./code/executable-memory.ts";
import { functionAt } from "./code/foreign.ts";
import { codeOf } from "./embedded.ts";
import { NativeError } from "./errors.ts";
import { libraries } from "./kernel-code.generated.ts";
import { selfCheck } from "./self-check/self-check.ts";

/** Machine code in the memory of this process, which all its threads can use. Can be sent to them. */
export interface NativeCode {
  readonly instructionSet: InstructionSet;
  /** The process: addresses mean nothing in another one. */
  readonly pid: number;
  /** The addresses of the dispatcher and of the kernels. */
  readonly dispatcher: number;
  readonly kernels: number;
}

/** What to use. */
export interface NativeOptions {
  /** What another thread of this process has found: nothing is installed again. */
  code?: NativeCode;
}

/** Kernels that have passed the self-check. */
export interface Native {
  /** `"AVX-512"`, `"AVX2"` or `"NEON"`. */
  readonly description: string;
  /** For `findNative` on other threads of this process. */
  readonly code: NativeCode;
  /** For `provideKernels` of `@shardgrad/core/engine`; `useNative` calls it for you. */
  readonly kernels: KernelsOver;
}

const descriptions: Record<InstructionSet, string> = { avx512: "AVX-512", avx2: "AVX2", neon: "NEON" };

/** What a processor runs, by the best that it has. */
const runs: Record<InstructionSet, readonly InstructionSet[]> = {
  avx512: ["avx512", "avx2"],
  avx2: ["avx2"],
  neon: ["neon"],
};

/** The set that `SHARDGRAD_NATIVE` asks for, if it does. */
function settingOf(env: NodeJS.ProcessEnv): InstructionSet | undefined {
  const setting = env.SHARDGRAD_NATIVE?.toLowerCase() || undefined;
  if (setting === "off") throw new NativeError("native: switched off by SHARDGRAD_NATIVE=off");
  if (setting === undefined || Object.hasOwn(descriptions, setting))
    return setting as InstructionSet | undefined;
  throw new NativeError(
    `native: SHARDGRAD_NATIVE is ${JSON.stringify(setting)}; expected avx512, avx2, neon or off`,
  );
}

/** Installs the code once per thread that looks for it; workers get it from the thread that starts them. */
let installed: NativeCode | undefined;

function install(wanted: InstructionSet | undefined): NativeCode {
  if (installed && (wanted === undefined || installed.instructionSet === wanted)) return installed;
  const { dispatcher, best } = installRunner();
  if (best === undefined)
    throw new NativeError(
      "native: this processor lacks AVX2 or FMA, or the system does not save their registers",
    );
  const instructionSet = wanted ?? best;
  if (!runs[best].includes(instructionSet))
    throw new NativeError(
      `native: SHARDGRAD_NATIVE is ${instructionSet}, but this processor has ${descriptions[best]} only`,
    );
  const library = libraries[instructionSet];
  const kernels = installCode(codeOf(library));
  const code = { instructionSet, pid: process.pid, dispatcher, kernels };
  const wrong = selfCheck((heap) => binder(code)(heap).kernels, library.checks);
  if (wrong !== undefined)
    throw new NativeError(`native: ${descriptions[instructionSet]} computes wrongly here: ${wrong}`);
  installed = code;
  return code;
}

/** The kernels over each heap, by the address of their code. */
const bound = new Map<number, WeakMap<Heap, BoundKernels>>();

/** Makes the kernels over a heap, once for each. */
function binder({ instructionSet, dispatcher, kernels }: NativeCode): (heap: Heap) => BoundKernels {
  const overHeaps = bound.get(kernels) ?? new WeakMap<Heap, BoundKernels>();
  bound.set(kernels, overHeaps);
  return (heap) => {
    const made =
      overHeaps.get(heap) ??
      bindKernels(libraries[instructionSet].kernels, kernels, heap, functionAt(dispatcher));
    overHeaps.set(heap, made);
    return made;
  };
}

/**
 * Finds the machine code for this processor, installs and checks it. Does not select kernels: `useNative` does.
 *
 * @throws NativeError if the processor or the system cannot run it, or with `SHARDGRAD_NATIVE=off`
 */
export function findNative({ code: given }: NativeOptions = {}): Native {
  const wanted = settingOf(process.env);
  const { arch, platform } = process;
  if (arch !== "x64" && !(arch === "arm64" && platform === "linux"))
    throw new NativeError(
      `native: there is machine code for x64, and for arm64 on Linux; this is ${arch} on ${platform}`,
    );
  if (given && given.pid !== process.pid)
    throw new NativeError("native: the given code lies in another process; call findNative() without it");
  const code = given ?? install(wanted);
  const bind = binder(code);
  return {
    description: descriptions[code.instructionSet],
    code,
    kernels: (heap) => {
      const { kernels, joiner } = bind(heap);
      return { float32: kernels, float64: {}, joiner };
    },
  };
}
