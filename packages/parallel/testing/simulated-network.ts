// A network within one process, on a virtual clock: messages take random times, so that those of different machines and
// tags overtake each other, and a machine may die. Some messages are copied when they are sent, others only when they
// arrive, so that bytes that change too early are noticed.
import { heap } from "@shardgrad/core/engine";
import type { Ticket, Transport } from "../src/machines/transport.ts";
import type { VirtualTime } from "./virtual-time.ts";

interface Sent {
  address: number;
  bytes: number;
  copy: Uint8Array | undefined;
  arrivesMs: number;
  isDone: boolean;
}

interface Received {
  address: number;
  bytes: number;
  isDone: boolean;
}

/** What one machine has sent another with one tag, and what that one has asked for; the n-th belongs to the n-th. */
interface Channel {
  sent: Sent[];
  received: Received[];
}

/** One call of all machines to collect bytes. */
interface Gathering {
  parts: (Uint8Array | undefined)[];
  to: (number | undefined)[];
  arrivesMs: number;
}

export class SimulatedNetwork {
  readonly #time: Pick<VirtualTime, "nowMs" | "random">;
  readonly #machines: number;
  readonly #mostMs: number;
  readonly #channels = new Map<string, Channel>();
  readonly #gatherings: Gathering[] = [];
  readonly #dead = new Set<number>();
  messages = 0;

  /** @param mostMs that a message takes */
  constructor(time: Pick<VirtualTime, "nowMs" | "random">, machines: number, mostMs = 10) {
    this.#time = time;
    this.#machines = machines;
    this.#mostMs = mostMs;
  }

  /** From now on nothing comes from a machine. */
  kill(machine: number): void {
    this.#dead.add(machine);
  }

  /** A machine's side. Threads of one machine share it. */
  transport(machine: number): Transport {
    const done: (() => boolean)[] = [];
    let gathered = 0;
    const ticket = (isDone: () => boolean): Ticket => done.push(isDone) - 1;
    return {
      machine,
      machines: this.#machines,
      name: "a simulated network",
      send: (to, tag, address, bytes) => {
        const sent = this.#send(machine, this.#channel(machine, to, tag), { address, bytes });
        return ticket(() => {
          this.#deliver(this.#channel(machine, to, tag));
          return sent.isDone || sent.copy !== undefined;
        });
      },
      receive: (from, tag, address, bytes) => {
        const received: Received = { address, bytes, isDone: false };
        const channel = this.#channel(from, machine, tag);
        channel.received.push(received);
        return ticket(() => {
          this.#deliver(channel);
          return received.isDone;
        });
      },
      gather: (address, bytes, to) => {
        const number = gathered++;
        this.#gatherings[number] ??= { parts: [], to: [], arrivesMs: Number.POSITIVE_INFINITY };
        const gathering = this.#gatherings[number];
        gathering.parts[machine] = heap().uint8.slice(address, address + bytes);
        if (Array.from(gathering.parts).filter(Boolean).length === this.#machines && this.#dead.size === 0)
          gathering.arrivesMs = this.#arrival();
        return ticket(() => {
          if (this.#time.nowMs() < gathering.arrivesMs) return false;
          gathering.parts.forEach((part, of) => {
            heap().uint8.set(part!, to + of * bytes);
          });
          return true;
        });
      },
      isDone: (it) => {
        const isDone = done[it]!();
        if (isDone) done[it] = () => true;
        return isDone;
      },
      close: () => undefined,
    };
  }

  #arrival(): number {
    return this.#time.nowMs() + this.#time.random() * this.#mostMs;
  }

  #channel(from: number, to: number, tag: number): Channel {
    const key = `${from} ${to} ${tag}`;
    const found = this.#channels.get(key) ?? { sent: [], received: [] };
    this.#channels.set(key, found);
    return found;
  }

  #send(machine: number, channel: Channel, { address, bytes }: { address: number; bytes: number }): Sent {
    this.messages++;
    const copy = this.#time.random() < 0.5 ? heap().uint8.slice(address, address + bytes) : undefined;
    const arrivesMs = this.#dead.has(machine) ? Number.POSITIVE_INFINITY : this.#arrival();
    const sent = { address, bytes, copy, arrivesMs, isDone: false };
    channel.sent.push(sent);
    return sent;
  }

  /** Those that have arrived, up to the first that has not. */
  #deliver({ sent, received }: Channel): void {
    while (sent[0] && received[0] && sent[0].arrivesMs <= this.#time.nowMs()) {
      const [from, to] = [sent.shift()!, received.shift()!];
      if (from.bytes !== to.bytes)
        throw new Error(`a message of ${from.bytes} bytes where ${to.bytes} were expected`);
      heap().uint8.set(from.copy ?? heap().uint8.slice(from.address, from.address + from.bytes), to.address);
      from.isDone = true;
      to.isDone = true;
    }
  }
}
