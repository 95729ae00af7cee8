// A machine's side of what is said between machines: bytes of a table from each to all, texts, and news (news.ts). Only
// waits by yielding, so that its driver decides how: a thread looks again, a simulated run advances virtual time. Knows
// nothing of steps.
import { heap, Storage } from "@shardgrad/core/engine";
import type { Patience, Waiting } from "./news.ts";
import { News } from "./news.ts";
import type { Ticket, Transport } from "./transport.ts";

/** A range of this machine's heap. */
export interface Segment {
  address: number;
  bytes: number;
}

/**
 * Messages with one tag between two machines arrive in order; those with different tags do not wait for each other. Each part
 * of the gradient has two tags. News have others (news.ts).
 */
export const tags = { copies: 2, parts: 8 } as const;

/**
 * Bytes of one message: less costs time for each, more delays what comes after. `@shardgrad/mpi` tells its libraries to send
 * messages of this size at once.
 */
export const messageBytes = 512 * 1024;

export class Connection {
  readonly transport: Transport;
  readonly #news: News;
  #scratch: Storage | undefined;

  constructor(transport: Transport, patience: Patience) {
    this.transport = transport;
    this.#news = new News(transport, patience);
  }

  get machine(): number {
    return this.transport.machine;
  }

  get machines(): number {
    return this.transport.machines;
  }

  /** See `News`. */
  look(): void {
    this.#news.look();
  }

  /** Tells others that this machine is alive, from time to time. */
  sayAlive(): void {
    this.#news.sayAlive();
  }

  /** Says goodbye, and waits until all others have. Afterwards nothing is under way. */
  *leave(): Waiting {
    yield* this.#news.leave();
    this.#scratch?.release();
  }

  /** See `News`. */
  fail(text: string): Waiting<boolean> {
    return this.#news.fail(text);
  }

  /**
   * Waits until all of these are done.
   *
   * @throws MachineError as `look`, and if a machine has said goodbye while this one still waits
   */
  *settle(tickets: Iterable<Ticket>): Waiting {
    for (const ticket of tickets) {
      this.#news.beginWaiting();
      while (!this.transport.isDone(ticket)) {
        this.#news.look();
        this.#news.requirePresence();
        yield "network";
      }
    }
  }

  /** Gives each machine's segments to all: `of` says where they lie, on every machine the same number of bytes. */
  *share(of: readonly (readonly Segment[])[]): Waiting {
    const sizes = of.map((segments) => segments.reduce((sum, { bytes }) => sum + bytes, 0));
    const block = Math.ceil(Math.max(...sizes) / 8) * 8;
    if (block === 0) return;
    const own = this.#need(block * (this.machines + 1));
    const all = own + block;
    const memory = heap().uint8;
    let at = own;
    for (const { address, bytes } of of[this.machine]!) {
      memory.copyWithin(at, address, address + bytes);
      at += bytes;
    }
    yield* this.settle([this.transport.gather(own, block, all)]);
    of.forEach((segments, machine) => {
      if (machine === this.machine) return;
      let from = all + machine * block;
      for (const { address, bytes } of segments) {
        memory.copyWithin(address, from, from + bytes);
        from += bytes;
      }
    });
  }

  /** A text of each machine, in their order. */
  *shareTexts(text: string): Waiting<string[]> {
    const bytes = new TextEncoder().encode(text);
    const lengths = Storage.allocate(8 * this.machines, "lengths of texts");
    lengths.retain();
    const cell = (machine: number) => ({ address: lengths.offset + 8 * machine, bytes: 8 });
    heap().float64[lengths.offset / 8 + this.machine] = bytes.length;
    const each = Array.from({ length: this.machines }, (_, machine) => [cell(machine)]);
    let texts: Storage | undefined;
    try {
      yield* this.share(each);
      const counts = each.map((_, machine) => heap().float64[lengths.offset / 8 + machine]!);
      texts = Storage.allocate(
        Math.max(
          8,
          counts.reduce((sum, count) => sum + count, 0),
        ),
        "texts",
      );
      texts.retain();
      let at = texts.offset;
      const places = counts.map((count) => {
        const place = { address: at, bytes: count };
        at += count;
        return place;
      });
      heap().uint8.set(bytes, places[this.machine]!.address);
      yield* this.share(places.map((place) => [place]));
      // A decoder takes no shared memory.
      return places.map(({ address, bytes: count }) =>
        new TextDecoder().decode(heap().uint8.slice(address, address + count)),
      );
    } finally {
      lengths.release();
      texts?.release();
    }
  }

  /** Copies segments of machine 0 to all others, along a binary tree: the number of rounds is the logarithm of theirs. */
  *spread(segments: readonly Segment[]): Waiting {
    const { transport, machine, machines } = this;
    const top = machine === 0 ? 0 : 2 ** (31 - Math.clz32(machine));
    const each = (begin: (address: number, bytes: number) => Ticket): Ticket[] =>
      segments.flatMap(({ address, bytes }) =>
        Array.from({ length: Math.ceil(bytes / messageBytes) }, (_, i) => {
          const from = i * messageBytes;
          return begin(address + from, Math.min(messageBytes, bytes - from));
        }),
      );
    if (machine > 0) {
      yield* this.settle(
        each((address, bytes) => transport.receive(machine - top, tags.copies, address, bytes)),
      );
    }
    for (let step = Math.max(1, 2 * top); machine + step < machines; step *= 2) {
      yield* this.settle(
        each((address, bytes) => transport.send(machine + step, tags.copies, address, bytes)),
      );
    }
  }

  #need(bytes: number): number {
    if (!this.#scratch || this.#scratch.bytes < bytes) {
      this.#scratch?.release();
      this.#scratch = Storage.allocate(bytes, "words of machines");
      this.#scratch.retain();
    }
    return this.#scratch.offset;
  }
}
