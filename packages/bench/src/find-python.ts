// Finds a Python that has a library.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export type FoundPython = { python: string } | { reason: string };

/** The libraries, and the names of their modules. */
const modules = { PyTorch: "torch", JAX: "jax" } as const;

export type PythonLibrary = keyof typeof modules;

/** Asks an interpreter for a module; rejects if it has none, or does not exist. */
async function askPython(python: string, module: string): Promise<void> {
  await promisify(execFile)(python, ["-c", `import ${module}`]);
}

/** Only `SHARDGRAD_PYTHON` if set; else `python3` on the path, then the system's. */
export async function findPython(
  library: PythonLibrary,
  env: Readonly<Record<string, string | undefined>> = process.env,
  ask = askPython,
): Promise<FoundPython> {
  const named = env.SHARDGRAD_PYTHON;
  const candidates = named ? [named] : ["python3", "/usr/bin/python3"];
  for (const python of candidates) {
    try {
      await ask(python, modules[library]);
      return { python };
    } catch {
      // No interpreter, or no such library: try the next.
    }
  }
  const remedy = named ? "SHARDGRAD_PYTHON names it" : "set SHARDGRAD_PYTHON to one that has";
  return { reason: `no ${library} in ${candidates.join(" or ")}; ${remedy}` };
}
