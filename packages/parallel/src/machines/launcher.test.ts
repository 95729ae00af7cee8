// What each launcher says, from the variables that it sets.
import { expect, it } from "vitest";
import { machinesOf } from "./launcher.ts";

const second = { machine: 2, machines: 4 };

it.each<[launcher: string, env: Record<string, string>]>([
  [
    "Open MPI's mpirun",
    { OMPI_COMM_WORLD_RANK: "2", OMPI_COMM_WORLD_SIZE: "4", PMIX_RANK: "2", SLURM_NTASKS: "9" },
  ],
  ["mpirun of MPICH and Intel MPI, srun --mpi=pmi2", { PMI_RANK: "2", PMI_SIZE: "4", SLURM_PROCID: "0" }],
  ["srun --mpi=pmix", { PMIX_RANK: "2", SLURM_STEP_NUM_TASKS: "4", SLURM_NTASKS: "9" }],
  ["srun --mpi=pmix of an older Slurm", { PMIX_RANK: "2", SLURM_NTASKS: "4" }],
  ["srun with a PMI library of its own", { SLURM_PROCID: "2", SLURM_STEP_NUM_TASKS: "4", SLURM_NTASKS: "9" }],
])("%s says which machine this is", (_, env) => {
  expect(machinesOf(env)).toEqual(second);
});

it.each<[what: string, env: Record<string, string>]>([
  ["no launcher", {}],
  ["a launch of one process", { OMPI_COMM_WORLD_RANK: "0", OMPI_COMM_WORLD_SIZE: "1" }],
  [
    "mpirun -n 1 within a step of Slurm",
    { PMI_RANK: "0", PMI_SIZE: "1", SLURM_PROCID: "0", SLURM_STEP_NUM_TASKS: "4" },
  ],
  ["a script of Slurm, which srun has not started", { SLURM_PROCID: "0", SLURM_NTASKS: "4" }],
  ["a rank without a size", { PMIX_RANK: "2" }],
  ["a size without a rank", { PMI_SIZE: "4" }],
  ["words that are no numbers", { PMI_RANK: "", PMI_SIZE: "x" }],
  ["a rank beyond the size", { PMI_RANK: "4", PMI_SIZE: "4" }],
])("%s is no launch", (_, env) => {
  expect(machinesOf(env)).toBeUndefined();
});
