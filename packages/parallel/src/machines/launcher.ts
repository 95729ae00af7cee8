// What the launcher (mpirun, srun, Kubernetes' MPI operator) says about this process, in variables that it sets. Read
// without MPI, so that a run on one machine loads no library.

/** Which of how many machines this process is. */
export interface Launch {
  /** Counted from 0. */
  machine: number;
  machines: number;
}

/** Pairs of variables: this process's rank, and how many there are. The first pair that is set counts. */
const pairs: readonly (readonly [rank: string, size: string])[] = [
  ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"], // Open MPI's mpirun, prterun
  ["PMI_RANK", "PMI_SIZE"], // MPICH's and Intel's mpirun, srun --mpi=pmi2
  // srun --mpi=pmix. The step's own number first: that of the job also counts the tasks of other steps.
  ["PMIX_RANK", "SLURM_STEP_NUM_TASKS"],
  ["PMIX_RANK", "SLURM_NTASKS"],
  ["SLURM_PROCID", "SLURM_STEP_NUM_TASKS"], // srun with a PMI library of its own
];

const count = (text: string | undefined) => (/^\d+$/.test(text ?? "") ? Number(text) : undefined);

/** What the launcher says; undefined if this process is alone, or nobody launched it. */
export function machinesOf(env: Record<string, string | undefined>): Launch | undefined {
  for (const [rank, size] of pairs) {
    const machine = count(env[rank]);
    const machines = count(env[size]);
    if (machine === undefined || machines === undefined) continue;
    return machine < machines && machines > 1 ? { machine, machines } : undefined;
  }
  return undefined;
}

/** Whether this is the only machine of a run, or the first, which tells of it and writes its files. */
export function isFirstMachine({ machines }: { machines?: "auto" | "off" }): boolean {
  return machines === "off" || (machinesOf(process.env)?.machine ?? 0) === 0;
}
