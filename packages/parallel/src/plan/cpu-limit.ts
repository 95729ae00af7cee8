// How many processors this process can really use: those it may run on, limited by its control group's CPU time. libuv
// knows the first. It finds the second only in the usual places: not where controllers of cgroup version 1 are mounted
// one by one, nor in a container that sees its host's paths. So this module reads the files itself.
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { posix } from "node:path";

/** The text of a file; undefined if it cannot be read. */
export type ReadText = (path: string) => string | undefined;

/** A hierarchy of control groups: its mount point, and the group that is the root there. */
interface Mount {
  root: string;
  point: string;
}

const readText: ReadText = (path) => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

/**
 * Finds the mount of version 2, or of version 1 with the controller `cpu`, in `/proc/self/mountinfo`: `36 35 98:0 /root
 * /mount/point rw,… [tags] - type source options`.
 */
function findMount(mountInfo: string, version: 1 | 2): Mount | undefined {
  for (const line of mountInfo.split("\n")) {
    const [left, right] = line.split(" - ") as [string, string | undefined];
    const [type, , options = ""] = right?.split(" ") ?? [];
    const isIt = version === 2 ? type === "cgroup2" : type === "cgroup" && options.split(",").includes("cpu");
    const [, , , root, point] = left.split(" ");
    if (isIt && root && point) return { root, point };
  }
  return undefined;
}

/** This process's group in `/proc/self/cgroup`: `0::/path` in version 2, `4:cpu,cpuacct:/path` in version 1. */
function findGroup(groups: string, version: 1 | 2): string | undefined {
  for (const line of groups.split("\n")) {
    const [, id, controllers, path] = /^(\d+):([^:]*):(.*)$/.exec(line) ?? [];
    const isIt = version === 2 ? id === "0" && controllers === "" : controllers?.split(",").includes("cpu");
    if (isIt) return path;
  }
  return undefined;
}

/** The CPU time of one group, in processors; undefined if it has no limit. */
function quotaOf(folder: string, version: 1 | 2, read: ReadText): number | undefined {
  const parts =
    version === 2
      ? read(posix.join(folder, "cpu.max"))?.trim().split(/\s+/)
      : [read(posix.join(folder, "cpu.cfs_quota_us")), read(posix.join(folder, "cpu.cfs_period_us"))];
  const [quota, period] = (parts ?? []).map(Number);
  // Without a limit the quota is "max" or -1.
  return quota! > 0 && period! > 0 ? quota! / period! : undefined;
}

/** The CPU time that the control groups leave to this process, in processors; Infinity without a limit. */
export function cpuQuota(read: ReadText = readText): number {
  const groups = read("/proc/self/cgroup");
  const mountInfo = read("/proc/self/mountinfo");
  let least = Number.POSITIVE_INFINITY;
  if (groups === undefined || mountInfo === undefined) return least;
  for (const version of [1, 2] as const) {
    const mount = findMount(mountInfo, version);
    const group = findGroup(groups, version);
    if (!mount || group === undefined) continue;
    // A container may see the host's path of a group although only the inside of that group is mounted. Then use the
    // root.
    const below = posix.relative(mount.root, group);
    const isInside = below !== ".." && !below.startsWith("../../");
    // A group cannot exceed the limits of its ancestors.
    for (let at = isInside ? below : ""; ; at = posix.dirname(at)) {
      least = Math.min(least, quotaOf(posix.join(mount.point, at), version, read) ?? least);
      if (at === "" || at === ".") break;
    }
  }
  return least;
}

/** How many threads can compute at once: whole processors, at least one. If the limit can change, its current value counts. */
export function usableCores(cores = availableParallelism(), quota = cpuQuota()): number {
  return Math.max(1, Math.min(cores, Math.floor(quota)));
}
