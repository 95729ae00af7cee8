// Several machines, each a process of this one that mpirun has started, end with the bits of one machine, and together: after
// a signal, after a death. machines.slow.test.ts has all combinations, and a death in each phase of a step.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { train } from "@shardgrad/parallel";
import { afterAll, describe, expect, it } from "vitest";
import { launchers, launchersMissing } from "../packages/mpi/testing/launchers.ts";
import { lastOf, machinesWith, onceTold, startMachines, untilNoneWith } from "./start-machines.ts";
import { writeJob } from "./write-job.ts";

const root = mkdtempSync(join(tmpdir(), "shardgrad-machines-"));
afterAll(() => rmSync(root, { recursive: true }));
let count = 0;
const newFolder = () => join(root, String(count++));

const jobOf = (name: string) => new URL(`./jobs/${name}.ts`, import.meta.url);
const [charGpt, clusters] = [jobOf("char-gpt"), jobOf("clusters")];
const common = { shards: 12, kernels: "wasm" } as const;
const flags = ["--shards", "12", "--kernels", "wasm"];
const hashOf = async (job: URL, steps: number) =>
  (await train(job, { ...common, workers: 1, steps })).weightsSha256;

const newestIn = (folder: string) =>
  Math.max(...readdirSync(folder).map((name) => Number(/^step-(\d+)$/.exec(name)?.[1] ?? 0)));

describe.skipIf(launchersMissing)(`machines${launchersMissing}`, () => {
  const first = launchers[0]!;

  it.each([
    { name: "batch-norm", machines: 3, workers: 1, launcher: launchers[0]! },
    { name: "char-gpt", machines: 2, workers: 2, launcher: launchers.at(-1)! },
  ])(
    "$launcher.name: $machines with $workers workers have the bits of one, and one stream of output: $name",
    async ({ name, launcher, machines, workers }) => {
      const job = jobOf(name);
      const more = ["--workers", String(workers), "--steps", "10"];
      const ended = await startMachines(launcher, machines, job, [...flags, ...more]).ended;
      expect([ended.code, ended.stderr]).toEqual([0, ""]);
      const types = ended.events.map(({ type }) => type);
      expect(types).toEqual(["start", "epoch", "epoch", "end"]);
      expect(ended.events[0]).toMatchObject({ machines, machine: 0, workers });
      expect(lastOf(ended)).toMatchObject({ weightsSha256: await hashOf(job, 10) });
    },
  );

  // MPICH's mpirun ends by this signal itself.
  const forwarding = launchers.filter(({ name }) => name === "Open MPI");
  it.skipIf(forwarding.length === 0)(
    "SIGUSR2 to mpirun ends the step and saves; the first machine alone writes; a run on one machine goes on",
    async () => {
      const [folder, files] = [newFolder(), mkdtempSync(join(root, "files-"))];
      const saving = ["--checkpoint", folder, "--checkpoint-every", "4", "--epochs", "100000"];
      const flagsOf = [0, 1].map((machine) =>
        ["out", "report", "log"].map((name) => `--${name}=${join(files, `${name}-${machine}`)}`),
      );
      const started = startMachines(forwarding[0]!, 2, charGpt, [...flags, "--workers", "1", ...saving], {
        flagsOf,
      });
      onceTold(started, '"checkpoint"', () => started.child.kill("SIGUSR2"));
      const ended = await started.ended;
      expect(ended.code).toBe(140);
      expect(readdirSync(files).sort()).toEqual(["log-0", "out-0", "report-0"]);
      expect(lastOf(ended)).toMatchObject({ type: "end", stopped: true });
      const { steps } = lastOf(ended) as { steps: number };
      const checkpoint = { directory: folder };
      const goesOn = await train(charGpt, {
        ...common,
        workers: 3,
        steps: steps + 3,
        checkpoint,
        resume: "must",
      });
      expect(goesOn.weightsSha256).toBe(await hashOf(charGpt, steps + 3));
    },
  );

  it("kill -9 of one ends all; nothing is left running, and the newest checkpoint goes on to the same bits", async () => {
    const folder = newFolder();
    const saving = ["--checkpoint", folder, "--checkpoint-every", "4", "--resume"];
    const endless = [...flags, "--workers", "1", ...saving, "--epochs", "100000"];
    const started = startMachines(first, 2, clusters, endless, { lines: true });
    onceTold(started, "3/100", () => process.kill(machinesWith(folder).get(1)!, "SIGKILL"));
    const died = await started.ended;
    expect(died.code).not.toBe(0);
    // Besides what the launcher says. MPICH ends the first at once, too.
    if (first.name === "Open MPI")
      expect(died.stderr).toMatch(/^machine 0, at step [1-9][\d,]*: finishing the step/m);
    await untilNoneWith(folder);
    const steps = newestIn(folder) + 3;
    const resumed = startMachines(first, 2, clusters, [
      ...flags,
      "--workers",
      "2",
      ...saving,
      "--steps",
      String(steps),
    ]);
    const ended = await resumed.ended;
    expect(ended.events[1]).toMatchObject({ type: "resume", step: steps - 3 });
    expect(lastOf(ended)).toMatchObject({ weightsSha256: await hashOf(clusters, steps) });
  });

  it("one that is stopped is noticed, and named", async () => {
    const folder = newFolder();
    const saving = ["--checkpoint", folder, "--checkpoint-every", "1"];
    const endless = ["--workers", "1", "--epochs", "100000", "--stall-seconds", "5"];
    const started = startMachines(first, 2, clusters, [...flags, ...endless, ...saving]);
    onceTold(started, '"checkpoint"', () => process.kill(machinesWith(folder).get(1)!, "SIGSTOP"));
    const ended = await started.ended;
    expect(ended.code).toBe(1);
    const message =
      "train: machine 1 gives no sign of life for 5 s: is it switched off, stopped, or cut off from the network?";
    expect(lastOf(ended)).toEqual({ type: "error", name: "MachineError", message });
    expect(ended.stderr).toBe(`shardgrad: ${message}\n`);
    await untilNoneWith(folder);
  });

  it.each(launchers)(
    "$name: what the first machine alone refuses ends all, by one line",
    async (launcher) => {
      const refused = ["--workers", "1", "--log", fileURLToPath(charGpt)];
      const ended = await startMachines(launcher, 2, clusters, [...flags, ...refused]).ended;
      expect(ended.code).toBe(2);
      expect(ended.stderr).toMatch(/^shardgrad: train: machine 0: log \S+: \S+ is a file; name a folder\n$/);
    },
  );

  it("data that differ are refused before the first step, by one line of the first", async () => {
    const job = writeJob(`
      import job from ${JSON.stringify(fileURLToPath(clusters))};
      import { defineJob } from "@shardgrad/parallel";
      import { machinesOf } from "@shardgrad/parallel/engine";
      export default defineJob({ ...job, dataset: (context) => {
        const found = job.dataset(context);
        if (machinesOf(process.env).machine === 1) found.train.y[7] = 0;
        return found;
      } });`);
    const ended = await startMachines(launchers.at(-1)!, 2, job, [...flags, "--workers", "1"]).ended;
    expect(ended.code).toBe(2);
    expect(ended.events.map(({ type }) => type)).toEqual(["error"]);
    expect(ended.stderr).toMatch(
      /^shardgrad: train: machine 1 has column y uint8 \[\], content \w+, machine 0 uint8 \[\], content \w+; all machines must have the same\n$/,
    );
  });

  const [here, there] = [1, 2].map((factor) => writeJob(`export const factor = ${factor};`));
  it.each([
    {
      what: "a file of the job that differs",
      factor: `(await import(machine === 1 ? ${JSON.stringify(there)} : ${JSON.stringify(here)})).factor / 2`,
      message:
        /^train: machine 1 (has|lacks) a file of the job, job-[\w-]+\.ts, with the hash \w{8}, (machine 0 none|which machine 0 has); /,
    },
    {
      what: "a loss that depends on the machine",
      factor: "machine + 1",
      message:
        /^train: machine 1 has loss for the first rows, with the hash \w{8} \(float32 \[\]\), machine 0 \w{8} \(float32 \[\]\); /,
    },
  ])("$what is refused before the first step", async ({ factor, message }) => {
    const job = writeJob(`
      import job from ${JSON.stringify(fileURLToPath(clusters))};
      import { mul } from "@shardgrad/core";
      import { defineJob } from "@shardgrad/parallel";
      import { machinesOf } from "@shardgrad/parallel/engine";
      const { machine } = machinesOf(process.env);
      const factor = ${factor};
      export default defineJob({ ...job, loss: (...args) => mul(job.loss(...args), factor) });`);
    const ended = await startMachines(first, 2, job, [...flags, "--workers", "1", "--steps", "5"]).ended;
    expect(ended.code).not.toBe(0);
    expect(lastOf(ended)).toMatchObject({ type: "error", message: expect.stringMatching(message) });
  });
});

it("a run without a launcher loads neither the package nor any library", () => {
  const program = writeJob(`
    import { registerHooks } from "node:module";
    import { train } from "@shardgrad/parallel";
    const loaded = [];
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
    await train(${JSON.stringify(clusters)}, { workers: 2, steps: 1, kernels: "wasm" });
    process.report.excludeNetwork = true;
    console.log(JSON.stringify([...loaded, ...process.report.getReport().sharedObjects]));`);
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(OMPI|PMI|SLURM)/.test(name)),
  );
  const { stdout } = spawnSync(process.execPath, [program], { encoding: "utf8", env });
  const loaded: string[] = JSON.parse(stdout);
  expect(loaded.length).toBeGreaterThan(5);
  expect(loaded.filter((name) => /packages.mpi|@shardgrad.mpi|libmpi|koffi/.test(name))).toEqual([]);
});
