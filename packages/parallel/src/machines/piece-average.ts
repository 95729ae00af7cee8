// The average over the shards of all machines, in two rounds. Each machine owns a piece of the flat arrays: it gets
// that piece of the sums of all others, adds them up in the order of the pairwise tree, and gives the result to all.
// Every machine so sends and receives the arrays about twice, whatever their number. Both rounds run message by message,
// so that one result is on its way while the next sums arrive.
//
// The arithmetic is that of core's `average`, over the same blocks as on one machine: the same bits.
import { Tensor } from "@shardgrad/core";
import { heap, kernelsFor, Storage } from "@shardgrad/core/engine";
import type { Layout } from "../shared/layout.ts";
import type { Machines } from "../shared/machines.ts";
import { sliceOf } from "../shared/slices.ts";
import { sumOverShards } from "../step/allreduce.ts";
import { weightOf } from "../step/gradient-sums.ts";
import type { Connection, Waiting } from "./connection.ts";
import { messageBytes, tags } from "./connection.ts";
import type { Ticket } from "./transport.ts";

const messageElements = messageBytes / 4;

/** The longest piece of one machine, in elements. */
function pieceElements(flatSize: number, machines: number): number {
  const sizes = Array.from({ length: machines }, (_, machine) => {
    const [from, to] = sliceOf(flatSize, machine, machines);
    return to - from;
  });
  return Math.max(...sizes);
}

/** Bytes of the memory that it takes for the pieces of all machines' sums. */
export function pieceBytes({ flatSize, slots }: Pick<Layout, "flatSize" | "slots">): number {
  return 4 * pieceElements(flatSize, slots.blocksOf.length) * slots.blocks.length;
}

export class PieceAverage {
  readonly #layout: Layout;
  readonly #connection: Connection;
  /** The elements of each machine's piece. */
  readonly #pieces: (readonly [from: number, to: number])[];
  /** This machine's piece of each block, one after another. */
  readonly #sums: Storage;
  readonly #stride: number;
  readonly #slots: Tensor;
  readonly #weights: Tensor;

  constructor(layout: Layout, { workers }: Machines, connection: Connection) {
    const { shards, flatSize, slots } = layout;
    this.#layout = layout;
    this.#connection = connection;
    this.#pieces = workers.map((_, machine) => sliceOf(flatSize, machine, workers.length));
    this.#stride = pieceElements(flatSize, workers.length);
    this.#sums = Storage.allocate(Math.max(64, pieceBytes(layout)), "pieces of other machines");
    this.#sums.retain();
    this.#weights = Tensor.allocate([shards], "float32", "shard weights").keep();
    const slotOf = new Array<number>(shards).fill(0);
    slots.blocks.forEach(({ from }, index) => {
      slotOf[from] = index;
    });
    this.#slots = Tensor.allocate([shards], "int32", "pieces").keep().copyFrom(slotOf);
  }

  /**
   * Averages the blocks that lie in the slots of the arrays at `arrays`. The weights of all shards must be known, and
   * one of them must not be 0.
   */
  *average(arrays: number, average: number): Waiting {
    const { transport, machine, machines } = this.#connection;
    const { slots, flatSize, shards, shardSize } = this.#layout;
    const weights = this.#weights.data().fill(0);
    // A block without weight is not read, and does not travel.
    const heavy = slots.blocks.map((block) => {
      weights[block.from] = weightOf(this.#layout, block);
      return weights[block.from] !== 0;
    });
    const scale = shards === 1 ? 1 : shardSize / sumOverShards(this.#layout, "shardWeights");
    const blocksOf = (number: number) =>
      slots.blocksOf[number]!.filter((block) => heavy[slots.blocks.indexOf(block)]);
    const others = Array.from({ length: machines - 1 }, (_, i) => (machine + 1 + i) % machines);
    const [start, end] = this.#pieces[machine]!;
    const sumAt = (index: number, element: number) =>
      this.#sums.offset + (index * this.#stride + element) * 4;
    const slotAt = (from: number, element: number) => arrays + (slots.slotOf[from]! * flatSize + element) * 4;
    const sent: Ticket[] = [];
    const arriving = messagesOf(end - start).map(([from, to]) =>
      others.flatMap((other) =>
        blocksOf(other).map((block) =>
          transport.receive(other, tags.pieces, sumAt(slots.blocks.indexOf(block), from), 4 * (to - from)),
        ),
      ),
    );
    const results = others.flatMap((other) => {
      const [first, last] = this.#pieces[other]!;
      return messagesOf(last - first).map(([from, to]) =>
        transport.receive(other, tags.results, average + 4 * (first + from), 4 * (to - from)),
      );
    });
    for (const { other, from, to } of inTurns(others, this.#pieces)) {
      for (const block of blocksOf(machine))
        sent.push(transport.send(other, tags.pieces, slotAt(block.from, from), 4 * (to - from)));
    }
    const memory = heap().uint8;
    for (const block of blocksOf(machine)) {
      const at = slotAt(block.from, start);
      memory.copyWithin(sumAt(slots.blocks.indexOf(block), 0), at, at + 4 * (end - start));
    }
    for (const [index, [from, to]] of messagesOf(end - start).entries()) {
      yield* this.#connection.settle(arriving[index]!);
      const into = average + 4 * (start + from);
      kernelsFor("float32").average(
        to - from,
        shards,
        sumAt(0, from),
        this.#slots.address,
        this.#stride,
        this.#weights.address,
        scale,
        into,
      );
      for (const other of others) sent.push(transport.send(other, tags.results, into, 4 * (to - from)));
    }
    yield* this.#connection.settle(results);
    yield* this.#connection.settle(sent);
  }
}

/** The elements of each message of so many. */
function messagesOf(elements: number): [from: number, to: number][] {
  return Array.from({ length: Math.ceil(elements / messageElements) }, (_, i) => [
    i * messageElements,
    Math.min(elements, (i + 1) * messageElements),
  ]);
}

/** The messages of all others' pieces: the first of each, then the second of each, so that none waits for another's end. */
function inTurns(
  others: readonly number[],
  pieces: readonly (readonly [from: number, to: number])[],
): { other: number; from: number; to: number }[] {
  const found = others.flatMap((other) => {
    const [first, last] = pieces[other]!;
    return messagesOf(last - first).map(([from, to], turn) => ({
      other,
      from: first + from,
      to: first + to,
      turn,
    }));
  });
  return found.sort((a, b) => a.turn - b.turn);
}
