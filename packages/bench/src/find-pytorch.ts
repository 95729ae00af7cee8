// Finds a Python with PyTorch.
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export type FoundPython = { python: string } | { reason: string };

/** Asks an interpreter for its PyTorch version; rejects if it has none, or does not exist. */
async function askPython(python: string): Promise<string> {
  const { stdout } = await promisify(execFile)(python, ["-c", "import torch; print(torch.__version__)"]);
  return stdout.trim();
}

/** Only `SHARDGRAD_PYTHON` if set; else `python3` on the path, then the system's. */
export async function findPytorch(
  env: Readonly<Record<string, string | undefined>> = process.env,
  ask = askPython,
): Promise<FoundPython> {
  const named = env.SHARDGRAD_PYTHON;
  const candidates = named ? [named] : ["python3", "/usr/bin/python3"];
  for (const python of candidates) {
    try {
      await ask(python);
      return { python };
    } catch {
      // No interpreter, or no PyTorch: try the next.
    }
  }
  const remedy = named ? "SHARDGRAD_PYTHON names it" : "set SHARDGRAD_PYTHON to one that has";
  return { reason: `no PyTorch in ${candidates.join(" or ")}; ${remedy}` };
}
