// Installs the JavaScript rivals in rivals/, outside the workspace, so that only comparisons wait for it. Once per lock
// file.
import { exec } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const rivalsFolder = fileURLToPath(new URL("../rivals/", import.meta.url));

/** The workspace's own pnpm. None of the packages needs its install script. */
const command = "npx --yes pnpm@12.21.0 install --frozen-lockfile --ignore-workspace --ignore-scripts";

/** Resolves to undefined, or to the reason why the install failed. */
export async function installRivals(announce: (what: string) => void): Promise<string | undefined> {
  const stamp = `${rivalsFolder}node_modules/.shardgrad-install`;
  const hash = createHash("sha256")
    .update(readFileSync(`${rivalsFolder}pnpm-lock.yaml`))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === hash) return undefined;
  announce("installing TensorFlow.js and jax-js (once)");
  try {
    // CI stops pnpm from asking questions.
    await promisify(exec)(command, { cwd: rivalsFolder, env: { ...process.env, CI: "true" } });
    writeFileSync(stamp, hash);
    return undefined;
  } catch (error) {
    const { message, stdout = "", stderr = "" } = error as Error & { stdout?: string; stderr?: string };
    const told =
      `${stdout}\n${stderr}`
        .trim()
        .split("\n")
        .find((line) => /err/i.test(line)) ?? message;
    return `not installed: ${told.trim()}`;
  }
}
