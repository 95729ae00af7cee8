// PyTorch's DistributedDataParallel over gloo: a rank on every machine, each with one thread.
import type { Entrant } from "shardgrad/measure";
import { ContenderProcess } from "../contender-process.ts";
import { prepareLimitMs } from "../entry.ts";
import { rivalsFolder } from "../install-rivals.ts";
import type { Command, PrepareCommand, Prepared, Turn } from "../protocol.ts";
import type { Namespaces } from "./namespaces.ts";
import { lengthOfTurn, limitOfSteps } from "./turn-length.ts";

export interface GlooWay {
  python: string;
  machines: number;
  namespaces: Namespaces;
  /** Of a turn's measured steps. */
  seconds: number;
}

/** Only those machines see it. */
const rendezvous = "tcp://m0:29500";

export class GlooEntry implements Entrant {
  readonly name = "PyTorch DDP over gloo";
  /** Milliseconds of one step, by round. */
  readonly msPerStep = new Map<number, number>();
  prepared: Prepared | undefined;
  /** Why numbers are missing. */
  reason: string | undefined;
  readonly #ranks: readonly ContenderProcess[];
  readonly #seconds: number;
  #estimate = 0;

  constructor({ python, machines, namespaces, seconds }: GlooWay) {
    this.#seconds = seconds;
    this.#ranks = Array.from({ length: machines }, (_, rank) => {
      const args = [`${rivalsFolder}pytorch_machine.py`, String(rank), String(machines), rendezvous];
      return new ContenderProcess({
        ...namespaces.on(rank, python, args),
        env: { GLOO_SOCKET_IFNAME: "e0" },
      });
    });
  }

  /** @param findFault what is wrong with the prepared network, if anything */
  async check(command: PrepareCommand, findFault: (prepared: Prepared) => string | undefined): Promise<void> {
    try {
      [this.prepared] = await this.#all<Prepared>(command, prepareLimitMs);
      this.#estimate = this.prepared!.msPerStep;
      this.reason = findFault(this.prepared!);
    } catch (error) {
      this.reason = (error as Error).message;
    }
  }

  async turn(round: number): Promise<void> {
    const { warm, steps } = lengthOfTurn(this.#seconds, this.#estimate);
    try {
      const limitMs = limitOfSteps(warm + steps, this.#estimate);
      const turns = await this.#all<Turn>({ command: "run", warm, steps }, limitMs);
      this.#estimate = Math.max(...turns.map(({ ms }) => ms)) / steps;
      this.msPerStep.set(round, this.#estimate);
    } catch (error) {
      this.reason = (error as Error).message;
      throw error;
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#ranks.map((rank) => rank.end()));
  }

  #all<T>(command: Command, limitMs: number): Promise<T[]> {
    return Promise.all(this.#ranks.map((rank) => rank.ask<T>(command, limitMs)));
  }
}
