// The `shardgrad` command in its own process, to its end: what it printed, and its exit code.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const command = fileURLToPath(new URL("../packages/shardgrad/bin/shardgrad.js", import.meta.url));

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export const shardgrad = (...args: string[]) => shardgradIn({}, ...args);

export function shardgradIn(variables: Record<string, string>, ...args: string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...variables };
    const child = spawn(process.execPath, [command, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text) => {
      stdout += text;
    });
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    child.on("error", reject);
    // "close" comes after the process has ended: a run that left a thread behind would never get here.
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}
