// Who of the other machines is alive, has failed, or goes: short messages beside all others. Only waits by yielding.
import { heap, Storage } from "@shardgrad/core/engine";
import { MachineError } from "../errors.ts";
import type { Ticket, Transport } from "./transport.ts";

/** A part of something that waits for other machines. */
export type Waiting<T = void> = Generator<"network", T, void>;

/**
 * Where a connection was broken off, it has still asked for the next news of each machine, and takes these from the connection
 * that follows. Last words have a tag of their own, so that none are lost so. connection.ts has the other tags.
 */
const tags = { news: 1, lastWords: 3 } as const;

/** With room for a long error, and short enough for every library to send it before its receiver asks: it may have gone. */
const newsBytes = 2048;
const news = { alive: 1, failed: 2, bye: 3 } as const;
const [lookEveryMs, tellEveryMs, lastWordsMs] = [5, 5000, 5000];

/** The most time that one interval between looks counts for: this machine may itself have slept. */
const mostBetweenLooksMs = 1000;

/** How long machines wait for each other, on which clock. */
export interface Patience {
  nowMs: () => number;
  /** A machine that gives no sign of life for so long has failed. */
  silenceMs: number;
}

/** Another machine. */
interface Peer {
  readonly machine: number;
  /** For how long it has given no sign of life. */
  stillMs: number;
  incoming: Ticket;
  outgoing: Ticket | undefined;
  /** What it said last. */
  last: number;
}

export class News {
  readonly #transport: Transport;
  readonly #patience: Patience;
  readonly #peers: Peer[];
  /** What each machine says, and then what this one says to each. */
  readonly #storage: Storage;
  #lookedMs: number;
  #toldMs: number;
  /** For how long nothing that it waits for has come. */
  #waitedMs = 0;
  /** Its last word is said. */
  #leaves = false;

  constructor(transport: Transport, patience: Patience) {
    this.#transport = transport;
    this.#patience = patience;
    const { machine, machines } = transport;
    this.#storage = Storage.allocate(2 * machines * newsBytes, "news of machines");
    this.#storage.retain();
    const nowMs = patience.nowMs();
    this.#lookedMs = nowMs;
    this.#toldMs = nowMs;
    const others = Array.from({ length: machines }, (_, number) => number).filter((it) => it !== machine);
    this.#peers = others.map((number) => ({
      machine: number,
      stillMs: 0,
      incoming: this.#listen(number),
      outgoing: undefined,
      last: news.alive,
    }));
  }

  /**
   * Reads the news and tells others that this machine is alive. Call it often: while waiting it is called.
   *
   * @throws MachineError if a machine has failed, or has been still for too long
   */
  look(): void {
    const nowMs = this.#patience.nowMs();
    const sinceMs = nowMs - this.#lookedMs;
    if (sinceMs < lookEveryMs) return;
    this.#lookedMs = nowMs;
    const passedMs = Math.min(mostBetweenLooksMs, sinceMs);
    this.#waitedMs += passedMs;
    for (const peer of this.#peers) {
      peer.stillMs += passedMs;
      this.#hear(peer);
    }
    const failed = this.#peers.find(({ last }) => last === news.failed);
    if (failed) throw new MachineError(this.#textOf(failed));
    const { silenceMs } = this.#patience;
    const still = this.#peers.find(({ stillMs, last }) => last === news.alive && stillMs > silenceMs);
    if (still) {
      throw new MachineError(
        `train: machine ${still.machine} gives no sign of life for ${silenceMs / 1000} s: is it switched off, stopped, or cut off from the network?`,
      );
    }
    if (!this.#leaves) this.sayAlive();
  }

  /** Tells others that this machine is alive, from time to time. */
  sayAlive(): void {
    const nowMs = this.#patience.nowMs();
    if (nowMs - this.#toldMs < this.#tellEveryMs) return;
    this.#toldMs = nowMs;
    this.#tell(news.alive, "");
  }

  get #tellEveryMs(): number {
    return Math.min(tellEveryMs, this.#patience.silenceMs / 4);
  }

  /** From now on it waits for something else. */
  beginWaiting(): void {
    this.#waitedMs = 0;
  }

  /**
   * One that has said goodbye may be the first to have all that it waits for, but not for so long.
   *
   * @throws MachineError if one has, and this one still waits
   */
  requirePresence(): void {
    const gone = this.#peers.find(({ last }) => last === news.bye);
    if (!gone || this.#waitedMs <= this.#patience.silenceMs) return;
    throw new MachineError(
      `train: machine ${gone.machine} has ended its part of the run, and machine ${this.#transport.machine} still waits for it; does what decides when the run ends depend on the machine?`,
    );
  }

  /** Says goodbye, and waits until all others have. Afterwards nothing is under way. */
  *leave(): Waiting {
    yield* this.#settleTold();
    this.#tell(news.bye, "");
    this.#leaves = true;
    for (const peer of this.#peers) {
      while (peer.last !== news.bye) {
        this.look();
        yield "network";
      }
    }
    yield* this.#settleTold();
    this.#storage.release();
  }

  /**
   * Tells all others why this machine fails, or that it knows of a failure. Machine 0 has the last word, for which others
   * wait, but not long.
   *
   * @returns whether machine 0 has told this machine so
   */
  *fail(text: string): Waiting<boolean> {
    const { nowMs } = this.#patience;
    const startedMs = nowMs();
    const patient = () => nowMs() - startedMs < lastWordsMs;
    const unsent = () => this.#peers.some((peer) => !this.#isFree(peer));
    while (unsent() && patient()) yield "network";
    this.#tell(news.failed, text);
    const at = this.#storage.offset;
    if (this.#transport.machine === 0) {
      const words = this.#peers.map(({ machine }) => this.#transport.send(machine, tags.lastWords, at, 0));
      const onTheirWay = new Set(words);
      while ((unsent() || onTheirWay.size > 0) && patient()) {
        for (const ticket of onTheirWay) if (this.#transport.isDone(ticket)) onTheirWay.delete(ticket);
        yield "network";
      }
      return false;
    }
    const lastWords = this.#transport.receive(0, tags.lastWords, at, 0);
    const [first] = this.#peers as [Peer, ...Peer[]];
    // It may have to save something first, of which it gives signs of life. The first of these may go to a connection that was
    // broken off.
    const patienceMs = Math.max(lastWordsMs, 3 * this.#tellEveryMs);
    first.stillMs = 0;
    let [isHeard, lookedMs] = [false, nowMs()];
    while (!isHeard && first.stillMs < patienceMs) {
      yield "network";
      first.stillMs += Math.min(mostBetweenLooksMs, nowMs() - lookedMs);
      lookedMs = nowMs();
      this.#hear(first);
      isHeard = this.#transport.isDone(lastWords);
    }
    return isHeard;
  }

  /** Whether nothing is on its way to a machine. */
  #isFree(peer: Peer): boolean {
    if (peer.outgoing !== undefined && this.#transport.isDone(peer.outgoing)) peer.outgoing = undefined;
    return peer.outgoing === undefined;
  }

  #listen(machine: number): Ticket {
    return this.#transport.receive(machine, tags.news, this.#storage.offset + machine * newsBytes, newsBytes);
  }

  #hear(peer: Peer): void {
    while (peer.last === news.alive && this.#transport.isDone(peer.incoming)) {
      peer.stillMs = 0;
      peer.last = heap().int32[(this.#storage.offset + peer.machine * newsBytes) / 4]!;
      // What it says last stays where it is.
      if (peer.last === news.alive) peer.incoming = this.#listen(peer.machine);
    }
  }

  #textOf({ machine }: Peer): string {
    const at = this.#storage.offset + machine * newsBytes;
    const length = heap().int32[at / 4 + 1]!;
    return new TextDecoder().decode(heap().uint8.slice(at + 8, at + 8 + length));
  }

  /** Sends to all; a sign of life is left out where the one before is still under way. */
  #tell(kind: number, text: string): void {
    const bytes = encodeUpTo(newsBytes - 8, text);
    for (const peer of this.#peers) {
      if (!this.#isFree(peer) && kind === news.alive) continue;
      const at = this.#storage.offset + (this.#transport.machines + peer.machine) * newsBytes;
      heap().int32[at / 4] = kind;
      heap().int32[at / 4 + 1] = bytes.length;
      heap().uint8.set(bytes, at + 8);
      peer.outgoing = this.#transport.send(peer.machine, tags.news, at, newsBytes);
    }
  }

  *#settleTold(): Waiting {
    for (const peer of this.#peers) {
      while (!this.#isFree(peer)) {
        this.look();
        yield "network";
      }
    }
  }
}

/** A text as bytes. One that is too long ends in "…", between two characters. */
function encodeUpTo(most: number, text: string): Uint8Array {
  const bytes = new Uint8Array(most);
  const { read, written } = new TextEncoder().encodeInto(text, bytes);
  if (read === text.length) return bytes.subarray(0, written);
  const end = new TextEncoder().encode("…");
  const kept = new TextEncoder().encodeInto(text, bytes.subarray(0, most - end.length)).written;
  bytes.set(end, kept);
  return bytes.subarray(0, kept + end.length);
}
