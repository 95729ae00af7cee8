// Which machine of how many this is, and whose shards are whose. All workers of all machines are numbered one after
// another, and have contiguous shards in that order. So a machine has contiguous shards, too.

/** The machines of a run, as one of them sees them. Can be sent to other threads. */
export interface Machines {
  /** This machine's number, counted from 0. */
  machine: number;
  /** The workers of each machine. */
  workers: readonly number[];
}

/** A run on this machine alone. */
export function alone(workers: number): Machines {
  return { machine: 0, workers: [workers] };
}

/** Whether there are others. */
export function isShared({ workers }: Machines): boolean {
  return workers.length > 1;
}

/** The workers of the machines before one, or of all if it is their number. */
function workersBefore({ workers }: Machines, machine: number): number {
  return workers.slice(0, machine).reduce((sum, count) => sum + count, 0);
}

/** The workers of all machines. */
export function allWorkers(machines: Machines): number {
  return workersBefore(machines, machines.workers.length);
}

/** The number of this machine's worker `rank` among those of all machines. */
export function rankAmongAll(machines: Machines, rank: number): number {
  return workersBefore(machines, machines.machine) + rank;
}

/** The machine of a worker that is numbered among those of all machines. */
export function machineOfWorker(machines: Machines, worker: number): number {
  let machine = 0;
  while (workersBefore(machines, machine + 1) <= worker) machine++;
  return machine;
}

/** The shards `from` … `to`-1 of one worker of all. */
function shardsOf(shards: number, worker: number, workers: number): [from: number, to: number] {
  return [Math.floor((shards * worker) / workers), Math.floor((shards * (worker + 1)) / workers)];
}

/** The shards `from` … `to`-1 of this machine's worker `rank`. */
export function shardsOfWorker(shards: number, machines: Machines, rank: number): [from: number, to: number] {
  return shardsOf(shards, rankAmongAll(machines, rank), allWorkers(machines));
}

/** The shards `from` … `to`-1 of all workers of a machine, by default this one. */
export function shardsOfMachine(
  shards: number,
  machines: Machines,
  machine = machines.machine,
): [from: number, to: number] {
  const all = allWorkers(machines);
  const cut = (of: number) => Math.floor((shards * workersBefore(machines, of)) / all);
  return [cut(machine), cut(machine + 1)];
}
