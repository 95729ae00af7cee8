// Control-group limits, from files as real systems have them; and from the kernel itself where the tests may set
// limits.
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { cpuQuota, usableCores } from "./cpu-limit.ts";

const quotaOf = (files: Record<string, string>) => cpuQuota((path) => files[path]);

const v2 = (root = "/") => `30 24 0:26 ${root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate`;
const v1 = (root = "/") =>
  `31 30 0:27 ${root} /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct`;

describe("version 2", () => {
  it("reads cpu.max of the group", () => {
    const group = { "/proc/self/cgroup": "0::/app\n", "/proc/self/mountinfo": `${v2()}\n` };
    expect(quotaOf({ ...group, "/sys/fs/cgroup/app/cpu.max": "150000 100000\n" })).toBe(1.5);
    expect(quotaOf({ ...group, "/sys/fs/cgroup/app/cpu.max": "max 100000\n" })).toBe(
      Number.POSITIVE_INFINITY,
    );
    expect(quotaOf(group)).toBe(Number.POSITIVE_INFINITY);
  });

  it("takes the least of the group and those around it", () => {
    const files = {
      "/proc/self/cgroup": "0::/kubepods/pod/app",
      "/proc/self/mountinfo": v2(),
      "/sys/fs/cgroup/kubepods/cpu.max": "800000 100000",
      "/sys/fs/cgroup/kubepods/pod/cpu.max": "200000 100000",
      "/sys/fs/cgroup/kubepods/pod/app/cpu.max": "max 100000",
    };
    expect(quotaOf(files)).toBe(2);
  });

  it("reads the top of the mount in a container with a namespace of its own, or with its host's path", () => {
    const limit = { "/sys/fs/cgroup/cpu.max": "300000 100000" };
    const own = { "/proc/self/cgroup": "0::/", "/proc/self/mountinfo": v2() };
    expect(quotaOf({ ...limit, ...own })).toBe(3);
    const host = { "/proc/self/cgroup": "0::/../other", "/proc/self/mountinfo": v2("/docker/1") };
    expect(quotaOf({ ...limit, ...host })).toBe(3);
  });
});

describe("version 1", () => {
  const quota = "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us";
  const period = "/sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us";
  const groups = "5:memory:/docker/1\n4:cpu,cpuacct:/docker/1\n0::/\n";

  it("reads quota and period of the group, under whatever name the controller is mounted", () => {
    const files = { "/proc/self/cgroup": groups, [quota]: "400000\n", [period]: "100000\n" };
    expect(quotaOf({ ...files, "/proc/self/mountinfo": v1() })).toBe(4);
    expect(quotaOf({ ...files, "/proc/self/mountinfo": v1(), [quota]: "-1" })).toBe(Number.POSITIVE_INFINITY);
    const alone = {
      "/proc/self/cgroup": "1:cpu:/a/b",
      "/proc/self/mountinfo": "31 30 0:27 / /cg/cpu rw - cgroup cgroup rw,cpu",
      "/cg/cpu/a/cpu.cfs_quota_us": "50000",
      "/cg/cpu/a/cpu.cfs_period_us": "100000",
    };
    expect(quotaOf(alone)).toBe(0.5);
  });

  it("finds its group where a container sees the path of its host", () => {
    const files = {
      "/proc/self/cgroup": groups,
      "/proc/self/mountinfo": `${v1("/docker/1")}\n${v2()}`,
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "100000",
      "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "50000",
    };
    expect(quotaOf(files)).toBe(2);
  });
});

it("without such files there is no limit", () => {
  expect(quotaOf({})).toBe(Number.POSITIVE_INFINITY);
  expect(quotaOf({ "/proc/self/cgroup": "nonsense", "/proc/self/mountinfo": "nonsense" })).toBe(
    Number.POSITIVE_INFINITY,
  );
});

it("counts whole processors, one at least", () => {
  expect(usableCores(8, 2.9)).toBe(2);
  expect(usableCores(8, 0.5)).toBe(1);
  expect(usableCores(2, 16)).toBe(2);
  expect(usableCores(4, Number.POSITIVE_INFINITY)).toBe(4);
});

describe("a process that is really limited", () => {
  const module = fileURLToPath(new URL("./cpu-limit.ts", import.meta.url));
  const script = `import(${JSON.stringify(module)}).then((m) => console.log(m.usableCores()))`;
  const hasTaskset = spawnSync("taskset", ["--version"]).status === 0;

  it.skipIf(!hasTaskset)("to one processor", () => {
    const cores = execFileSync("taskset", ["-c", "0", process.execPath, "-e", script], { encoding: "utf8" });
    expect(Number(cores)).toBe(1);
  });

  const parent = "/sys/fs/cgroup/cpu";
  const group = `${parent}/shardgrad-test-${process.pid}`;
  const mayMake = () => {
    if (!existsSync(`${parent}/cpu.cfs_quota_us`)) return false;
    try {
      mkdirSync(group);
      return true;
    } catch {
      return false;
    }
  };

  it.skipIf(!mayMake())("to a share of the time", () => {
    try {
      writeFileSync(`${group}/cpu.cfs_period_us`, "100000");
      writeFileSync(`${group}/cpu.cfs_quota_us`, "100000");
      const inside = `echo $$ > ${group}/cgroup.procs && exec "$0" -e "$1"`;
      const cores = execFileSync("sh", ["-c", inside, process.execPath, script], { encoding: "utf8" });
      expect(Number(cores)).toBe(1);
    } finally {
      rmdirSync(group);
    }
  });
});
