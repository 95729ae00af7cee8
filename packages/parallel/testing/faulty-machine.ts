// A machine of a run in which a process dies, under mpirun: `faulty-machine.ts '{ "job": …, "options": …, "machine": 1, "fault":
// … }'`. Prints the weights' hash.
import { machinesOf } from "../src/machines/launcher.ts";
import type { TrainOptions } from "../src/plan/train-options.ts";
import { isToldElsewhere } from "../src/run/told-errors.ts";
import type { Fault } from "./faults.ts";
import { runJob } from "./run-job.ts";

interface FaultyRun {
  job: string;
  options: TrainOptions;
  machine: number;
  fault: Fault;
}

const { job, options, machine, fault }: FaultyRun = JSON.parse(process.argv[2]!);
const here = machinesOf(process.env)!.machine;
try {
  const { weightsSha256 } = await runJob(job, options, { faults: here === machine ? [fault] : [] });
  if (here === 0) console.log(weightsSha256);
} catch (error) {
  if (!isToldElsewhere(error)) console.error((error as Error).message);
  process.exit(1);
}
