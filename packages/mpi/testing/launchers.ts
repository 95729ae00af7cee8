// The launchers of this machine, for tests that start several processes over MPI. They are skipped if there is none.
import type { ChildProcess } from "node:child_process";
import { spawn, spawnSync } from "node:child_process";

export interface Launcher {
  name: "Open MPI" | "MPICH";
  command: string;
  flags: readonly string[];
  env: Record<string, string>;
}

const kinds: Record<Launcher["name"], Omit<Launcher, "command" | "name"> & { version: RegExp }> = {
  "Open MPI": {
    version: /open-?mpi|open mpi/i,
    flags: ["--oversubscribe", "--bind-to", "none"],
    env: {
      ...{ OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" },
      // Containers forbid one process to read another's memory, and Open MPI 4 would say so for each message.
      OMPI_MCA_btl_vader_single_copy_mechanism: "none",
    },
  },
  MPICH: { version: /HYDRA|MPICH/, flags: [], env: {} },
};

function find(name: Launcher["name"]): Launcher[] {
  const { version, flags, env } = kinds[name];
  // Debian's names where both are installed, and the usual one.
  const commands = [name === "MPICH" ? "mpirun.mpich" : "mpirun.openmpi", "mpirun"];
  const command = commands.find((candidate) => {
    const { stdout } = spawnSync(candidate, ["--version"], { encoding: "utf8" });
    return version.test(stdout ?? "");
  });
  return command === undefined ? [] : [{ name, command, flags, env }];
}

export const launchers: readonly Launcher[] = [...find("Open MPI"), ...find("MPICH")];

/** What the tests are called where there is no launcher. */
export const launchersMissing = launchers.length === 0 ? ", not here: no mpirun is installed" : "";

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Lines of Open MPI about a process that has not ended with 0, between dashes. */
const notices = /^-{60,}\n.*?^-{60,}\n/gms;

/** Starts so many processes of Node.js with these arguments. Their end has no words of the launcher on stderr. */
export function start(
  { command, flags, env }: Launcher,
  processes: number,
  args: readonly string[],
  more: Record<string, string> = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(command, [...flags, "-n", String(processes), process.execPath, ...args], {
    env: { ...process.env, ...env, ...more },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (part) => {
    stdout += part;
  });
  child.stderr.on("data", (part) => {
    stderr += part;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr: stderr.replace(notices, "") }));
  });
  return { child, ended };
}

/** Runs so many processes of Node.js with these arguments, to their end. */
export const launch = (...args: Parameters<typeof start>): Promise<Ended> => start(...args).ended;
