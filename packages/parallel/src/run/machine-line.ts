// The main thread's line to the other machines, before its workers begin and after they have ended; in between the link
// has it. Each talk is a connection of its own, because shared memory may move in between.
import { heap } from "@shardgrad/core/engine";
import type { Clock } from "../attempt/attempt.ts";
import { JobError, MachineError, oneLine } from "../errors.ts";
import { Connection } from "../machines/connection.ts";
import { machinesOf } from "../machines/launcher.ts";
import type { Waiting } from "../machines/news.ts";
import type { Transport, TransportPackage } from "../machines/transport.ts";
import { findPackage } from "../plan/find-package.ts";
import { noteTold } from "./told-errors.ts";

/** The way to a transport. */
export interface TransportSource {
  /** The package's, for the link. */
  url: string;
  open(): Transport;
}

const packageName = "@shardgrad/mpi";

/** Whether a run of this process has asked for the connection, which there is once. */
let isTaken = false;

/**
 * What the launcher of this process asks for; undefined if it is alone.
 *
 * @throws JobError if the package is not installed, or for the second run of a process
 */
export async function findTransport(jobUrl: string): Promise<TransportSource | undefined> {
  const launched = machinesOf(process.env);
  if (!launched) return undefined;
  const url = findPackage(packageName, jobUrl);
  if (url === undefined) {
    throw new JobError(
      `train: this is process ${launched.machine} of ${launched.machines} of a launcher such as mpirun, and ${packageName} is not installed; npm install ${packageName}, or train each by itself with machines: "off" (--machines off)`,
    );
  }
  if (isTaken) {
    throw new JobError(
      'train: a run of this process has connected the machines before, which MPI does once in a process; start another process for another run, or train each machine by itself with machines: "off"',
    );
  }
  isTaken = true;
  const { openTransport } = (await import(url)) as TransportPackage;
  return { url, open: () => openTransport(heap().buffer as SharedArrayBuffer, launched) };
}

/** Machines prepare for different times: data, models. */
const preparingMs = 600_000;
const [mostLooks, mostSleepMs] = [64, 20];
/** How long machine 0 may take to say why it ends, before the others end. */
const farewellMs = 3000;

export class MachineLine {
  readonly url: string;
  readonly machine: number;
  readonly machines: number;
  readonly name: string;
  readonly #source: TransportSource;
  readonly #clock: Clock;
  readonly #silenceMs: number;

  constructor(source: TransportSource, clock: Clock, stallMs: number) {
    const { machine, machines, name } = source.open();
    this.url = source.url;
    this.machine = machine;
    this.machines = machines;
    this.name = name;
    this.#source = source;
    this.#clock = clock;
    this.#silenceMs = Math.max(preparingMs, stallMs);
  }

  /**
   * Says something to all machines, which do the same at the same place of their run.
   *
   * @param first what this machine does before; it gives signs of life meanwhile
   */
  async talk<T>(what: (connection: Connection) => Waiting<T>, first?: Promise<unknown>): Promise<T> {
    const connection = this.#connect();
    if (first) await this.#during(first, () => connection.look());
    const found = await this.#drive(what(connection));
    await this.#drive(connection.leave());
    return found;
  }

  /**
   * Tells the others that this machine fails; afterwards none can go on. Gives the error the number of the machine, unless it
   * came from another one. Machine 0 has the last word: the launcher ends all others when one ends.
   *
   * @param first what this machine must still do, such as saving
   */
  async fail(error: unknown, first: Promise<unknown> = Promise.resolve()): Promise<void> {
    const isTold = error instanceof MachineError;
    const message = error instanceof Error ? error.message : String(error);
    // A table of memory has lines.
    const rows = message.split("\n").map((row) => row.trim().replace(/\s{2,}/g, " "));
    const text = `train: machine ${this.machine}: ${oneLine(rows.join("; ")).replace(/^train: /, "")}`;
    if (!isTold && error instanceof Error) {
      try {
        error.message = text;
      } catch {
        // That of a DOMException cannot be changed.
      }
    }
    const connection = this.#connect();
    await this.#during(first, () => connection.sayAlive()).catch(() => undefined);
    const isHeard = await this.#drive(connection.fail(isTold ? message : text));
    if (!isHeard) return;
    noteTold(error);
    await this.#clock.sleep(farewellMs);
  }

  close(): void {
    this.#source.open().close();
  }

  #connect(): Connection {
    return new Connection(this.#source.open(), {
      nowMs: () => this.#clock.nowMs(),
      silenceMs: this.#silenceMs,
    });
  }

  /** Looks from time to time until the work is done. */
  async #during(work: Promise<unknown>, look: () => void): Promise<void> {
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    work.then(done, done);
    // Work that is done already takes no time.
    await Promise.resolve();
    while (!isDone) {
      look();
      await this.#clock.sleep(mostSleepMs);
    }
    await work;
  }

  async #drive<T>(talk: Waiting<T>): Promise<T> {
    for (let looks = 0; ; looks++) {
      const next = talk.next();
      if (next.done) return next.value;
      if (looks > mostLooks) await this.#clock.sleep(Math.min(mostSleepMs, looks / mostLooks));
    }
  }
}
