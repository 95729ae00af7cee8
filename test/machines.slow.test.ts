// All numbers of machines and workers over MPI, and a death of one process in each phase of a step: the bits of one machine.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { train } from "@shardgrad/parallel";
import { phases } from "@shardgrad/parallel/engine";
import { afterAll, describe, expect, it } from "vitest";
import { launch, launchers, launchersMissing } from "../packages/mpi/testing/launchers.ts";
import { command } from "./run-command.ts";
import { lastOf, onceTold, startMachines, untilNoneWith } from "./start-machines.ts";
import { writeJob } from "./write-job.ts";

const workspace = fileURLToPath(new URL("..", import.meta.url));
const root = mkdtempSync(join(tmpdir(), "shardgrad-machines-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;

const jobs = ["dropout", "batch-norm", "char-gpt"] as const;
const jobOf = (name: string) => new URL(`./jobs/${name}.ts`, import.meta.url);
const clusters = jobOf("clusters");
/** Of 5 steps an epoch: the last step evaluates, and saves. */
const common = { shards: 12, kernels: "wasm", steps: 10 } as const;
const flags = ["--shards", "12", "--kernels", "wasm", "--steps", "10"];

const known = new Map<string, Promise<string>>();
/** The weights' hash on one machine with one worker. */
function hashOf(name: string): Promise<string> {
  const found =
    known.get(name) ?? train(jobOf(name), { ...common, workers: 1 }).then((result) => result.weightsSha256);
  known.set(name, found);
  return found;
}

const faulty = fileURLToPath(new URL("../packages/parallel/testing/faulty-machine.ts", import.meta.url));

/** The first machine alone saves. */
const deaths = phases
  .filter((phase) => phase !== "idle")
  .flatMap((phase) => (phase === "checkpoint" ? [0] : [0, 1]).map((machine) => ({ phase, machine })));

describe.skipIf(launchersMissing)(`machines${launchersMissing}`, () => {
  describe.each(launchers)("$name", (launcher) => {
    const combinations = jobs.flatMap((job) =>
      [1, 2, 3, 4].flatMap((machines) => [1, 2, 3].map((workers) => ({ job, machines, workers }))),
    );
    it.each(combinations)(
      "$job on $machines machines with $workers workers each",
      async ({ job, machines, workers }) => {
        const more = ["--workers", String(workers)];
        const ended = await startMachines(launcher, machines, jobOf(job), [...flags, ...more]).ended;
        expect([ended.code, ended.stderr]).toEqual([0, ""]);
        expect(ended.events.filter(({ type }) => type === "start")).toHaveLength(1);
        expect(lastOf(ended)).toMatchObject({ type: "end", steps: 10, weightsSha256: await hashOf(job) });
      },
    );

    it.each(deaths)(
      "kill -9 of machine $machine in $phase ends all, and the newest checkpoint goes on to the same bits",
      async ({ phase, machine }) => {
        const job = jobs[count % jobs.length]!;
        const directory = join(root, String(count++));
        const options = { ...common, workers: 1, checkpoint: { directory, everySteps: 3 }, stallSeconds: 60 };
        const fault = { rank: 0, step: 10, phase, how: "kill -9" } as const;
        const run = { job: jobOf(job).href, options, machine, fault };
        const { code, stdout, stderr } = await launch(launcher, 2, [faulty, JSON.stringify(run)]);
        expect([code === 0, stderr, /^[0-9a-f]{64}$/m.test(stdout)]).toEqual([false, "", false]);
        await untilNoneWith(directory);
        // From the beginning, if nothing was saved yet.
        const resume = ["--workers", "2", "--checkpoint", directory, "--resume"];
        const ended = await startMachines(launcher, 3 - machine, jobOf(job), [...flags, ...resume]).ended;
        expect(lastOf(ended)).toMatchObject({ weightsSha256: await hashOf(job) });
      },
    );

    it("--machines off: each trains by itself", async () => {
      const more = ["--workers", "1", "--machines", "off"];
      const ended = await startMachines(launcher, 2, jobOf("dropout"), [...flags, ...more]).ended;
      expect(ended.code).toBe(0);
      const hashes = ended.events.flatMap((event) => (event.type === "end" ? [event.weightsSha256] : []));
      expect(hashes).toEqual([await hashOf("dropout"), await hashOf("dropout")]);
    });

    it.each([
      [
        "another seed",
        ["--seed", "4"],
        "machine 1 has the option seed 4, machine 0 none; all machines must have the same",
      ],
      [
        "kernels of other bits",
        ["--kernels", "reference"],
        expect.stringMatching(
          /^machine 1 computes with reference kernels, machine 0 with wasm-\w+ kernels.*: these give different bits; all machines can use kernels: "wasm-\w+"$/,
        ),
      ],
      [
        "more workers than shards",
        ["--workers", "12"],
        "2 machines with 1 + 12 workers for 12 shards; every worker needs at least one: use fewer workers or machines, or more shards",
      ],
    ])("%s on one machine is refused by one line", async (_, more, line) => {
      const flagsOf = [
        ["--workers", "1"],
        ["--workers", "1", ...more],
      ];
      const ended = await startMachines(launcher, 2, jobOf("dropout"), flags, { flagsOf }).ended;
      expect(ended.code).toBe(2);
      expect(ended.stderr.split("\n").map((text) => text.replace("shardgrad: train: ", ""))).toEqual([
        line,
        "",
      ]);
    });

    it("a process has one such run: another, at the same time or later, is refused by one line", async () => {
      const program = writeJob(`
        import { train } from "@shardgrad/parallel";
        const job = ${JSON.stringify(jobOf("dropout"))};
        const run = (machines) => train(job, { workers: 1, shards: 12, steps: 10, kernels: "wasm", machines })
          .then(({ weightsSha256 }) => weightsSha256, ({ message }) => message);
        const found = [...(await Promise.all([run("auto"), run("auto")])), await run("auto"), await run("off")];
        console.log(JSON.stringify(found));`);
      const { code, stdout, stderr } = await launch(launcher, 2, [program]);
      expect([code, stderr]).toEqual([0, ""]);
      const refusal = expect.stringMatching(
        /^train: a run of this process has connected the machines before, /,
      );
      const hash = await hashOf("dropout");
      for (const line of stdout.trim().split("\n"))
        expect(JSON.parse(line)).toEqual([hash, refusal, refusal, hash]);
    });

    const startBy = (...how: string[]) => {
      const { command: mpirun, flags: own, env } = launcher;
      const more = ["--workers", "1", "--json"];
      const args = [...own, "-n", "2", ...how, "train", fileURLToPath(jobOf("dropout")), ...flags, ...more];
      const nodes = dirname(process.execPath);
      const PATH = `${nodes}${delimiter}${process.env.PATH}`;
      return spawnSync(mpirun, args, {
        encoding: "utf8",
        env: { ...process.env, ...env, PATH },
        cwd: workspace,
      });
    };
    const trained = async ({ status, stdout }: ReturnType<typeof startBy>) => {
      expect(status).toBe(0);
      const end: unknown = JSON.parse(stdout.trim().split("\n").at(-1)!);
      expect(end).toMatchObject({ weightsSha256: await hashOf("dropout") });
    };

    it("started by its name in node_modules/.bin", async () => {
      await trained(startBy(join("node_modules", ".bin", "shardgrad")));
    });

    it("started by npx, as far as that passes the launcher's connection on", async () => {
      const ended = startBy("npx", "shardgrad");
      if (launcher.name === "Open MPI") return await trained(ended);
      expect(ended.stderr).toMatch(
        /^shardgrad: mpi: the launcher's socket \(PMI_FD is \d+\) is not open in this process: npx passes none on; start node_modules\/\.bin\/shardgrad instead of npx shardgrad$/m,
      );
    });
  });

  // Open MPI's mpirun passes the signal on, answers no process from then on, and kills what is left a moment later.
  const impatient = launchers.find(({ name }) => name === "Open MPI");
  it.skipIf(!impatient)("SIGTERM to mpirun: a run of short steps saves, and tells of its end", async () => {
    const directory = join(root, String(count++));
    const endless = ["--workers", "1", "--epochs", "1000000", "--kernels", "wasm", "--shards", "12"];
    const saving = ["--checkpoint", directory, "--checkpoint-every", "50"];
    const started = startMachines(impatient!, 2, clusters, [...endless, ...saving]);
    onceTold(started, '"checkpoint"', () => started.child.kill("SIGTERM"));
    const ended = await started.ended;
    expect(ended.code).toBe(1);
    expect(lastOf(ended)).toMatchObject({ type: "end", stopped: true });
    const { steps } = lastOf(ended) as { steps: number };
    expect(ended.events.filter(({ type }) => type === "checkpoint").at(-1)).toMatchObject({ step: steps });
    await untilNoneWith(directory);
  });

  const [one, other] = launchers;
  it.skipIf(!other)("processes whose library is of another MPI, each alone, are refused", async () => {
    const run = [command, "train", fileURLToPath(jobOf("dropout")), ...flags];
    const { code, stdout, stderr } = await launch(one!, 2, run, { SHARDGRAD_MPI: "libmpich.so.12" });
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(
      /^shardgrad: mpi: the launcher says machine \d of 2, the library \(MPICH .*\) 0 of 1: /,
    );
  });
});
