// The Node.js programs that the PATH leads to: the pinned one, and the machine's own, which may be another version.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

export function nodesOnPath(): string[] {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, "node")).filter((file) => existsSync(file));
}

export const versionOf = (node: string): string =>
  spawnSync(node, ["-p", "process.versions.node"], { encoding: "utf8" }).stdout.trim();

/** Whether it is older than all that the packages run on. */
export function isTooOld(node: string): boolean {
  const [major, minor] = versionOf(node).split(".").map(Number);
  return major! < 22 || (major === 22 && minor! < 18);
}
