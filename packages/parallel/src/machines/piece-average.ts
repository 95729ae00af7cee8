// The average over the shards of all machines, in two rounds. Each machine owns a piece of the flat arrays: it gets
// that piece of the sums of all others, adds them up in the order of the pairwise tree, and gives the result to all.
// Parts of the arrays may be averaged one by one, as they become ready; then each machine owns a piece of each part.
// Every machine so sends and receives the arrays about twice, whatever their number. Both rounds run message by message,
// so that one result is on its way while the next sums arrive.
//
// The arithmetic is that of core's `average`, over the same blocks as on one machine: the same bits.
import { Tensor } from "@shardgrad/core";
import { heap, Storage, trainingKernels } from "@shardgrad/core/engine";
import { sliceOf } from "../shared/arrays/slices.ts";
import type { Layout } from "../shared/layout.ts";
import { sumOverShards } from "../step/allreduce.ts";
import { weightOf } from "../step/gradient-sums.ts";
import type { Connection } from "./connection.ts";
import { messageBytes, tags } from "./connection.ts";
import type { Waiting } from "./news.ts";
import type { Ticket } from "./transport.ts";

const messageElements = messageBytes / 4;

/** A part of the flat arrays, and the number of its messages' tags. */
export interface Part {
  number: number;
  from: number;
  to: number;
}

/** The pieces of all machines of a part. */
function piecesOf({ from, to }: Part, machines: number): (readonly [from: number, to: number])[] {
  return Array.from({ length: machines }, (_, machine) => {
    const [first, end] = sliceOf(to - from, machine, machines);
    return [from + first, from + end] as const;
  });
}

/** Elements of the longest piece. */
function longest(pieces: readonly (readonly [from: number, to: number])[]): number {
  return Math.max(...pieces.map(([from, to]) => to - from));
}

/** The parts of a layout. */
export function partsOf({ buckets, flatSize }: Pick<Layout, "buckets" | "flatSize">): Part[] {
  if (buckets.length === 0) return [{ number: 0, from: 0, to: flatSize }];
  return buckets.map(({ from, to }, number) => ({ number, from, to }));
}

/** Bytes of the memory that it takes for the pieces of all machines' sums. */
export function pieceBytes(layout: Pick<Layout, "buckets" | "flatSize" | "slots">): number {
  const { blocks, blocksOf } = layout.slots;
  const elements = partsOf(layout).map((part) => longest(piecesOf(part, blocksOf.length)));
  return 4 * elements.reduce((sum, count) => sum + count, 0) * blocks.length;
}

export class PieceAverage {
  readonly #layout: Layout;
  readonly #connection: Connection;
  /** This machine's pieces of all blocks: part by part, block by block. */
  readonly #sums: Storage;
  /** By part: where its pieces begin, in elements. */
  readonly #starts: number[] = [];
  readonly #slots: Tensor;
  readonly #weights: Tensor;

  constructor(layout: Layout, connection: Connection) {
    const { shards, slots } = layout;
    this.#layout = layout;
    this.#connection = connection;
    this.#sums = Storage.allocate(Math.max(64, pieceBytes(layout)), "pieces of other machines");
    this.#sums.retain();
    let start = 0;
    for (const part of partsOf(layout)) {
      this.#starts.push(start);
      start += longest(piecesOf(part, connection.machines)) * slots.blocks.length;
    }
    this.#weights = Tensor.allocate([shards], "float32", "shard weights").keep();
    const slotOf = new Array<number>(shards).fill(0);
    slots.blocks.forEach(({ from }, index) => {
      slotOf[from] = index;
    });
    this.#slots = Tensor.allocate([shards], "int32", "pieces").keep().copyFrom(slotOf);
  }

  /**
   * Averages a part of the blocks that lie in the slots of the arrays at `arrays`. The weights of all shards must be
   * known, and one of them must not be 0. Parts may be averaged at the same time, and each machine begins them in its own
   * order.
   */
  *average(arrays: number, average: number, part: Part): Waiting {
    const { transport, machine, machines } = this.#connection;
    const { slots, flatSize, shards, shardSize } = this.#layout;
    const pieces = piecesOf(part, machines);
    const stride = longest(pieces);
    const tag = { pieces: tags.parts + 2 * part.number, results: tags.parts + 2 * part.number + 1 };
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
    const [start, end] = pieces[machine]!;
    const sumAt = (index: number, element: number) =>
      this.#sums.offset + (this.#starts[part.number]! + index * stride + element) * 4;
    const slotAt = (from: number, element: number) => arrays + (slots.slotOf[from]! * flatSize + element) * 4;
    const sent: Ticket[] = [];
    const arriving = messagesOf(end - start).map(([from, to]) =>
      others.flatMap((other) =>
        blocksOf(other).map((block) =>
          transport.receive(other, tag.pieces, sumAt(slots.blocks.indexOf(block), from), 4 * (to - from)),
        ),
      ),
    );
    const ask = () =>
      others.flatMap((other) => {
        const [first, last] = pieces[other]!;
        return messagesOf(last - first).map(([from, to]) =>
          transport.receive(other, tag.results, average + 4 * (first + from), 4 * (to - from)),
        );
      });
    // Over some transports, a message does not leave before its receiver asks for it. The results of a short part are asked
    // for after its sums, so that sums go first, and all machines get to their own pieces sooner. Those of a long part would
    // come all at once then, more than a switch holds for a machine.
    const results = messagesOf(end - start).length > 1 ? ask() : undefined;
    for (const { other, from, to } of inTurns(others, pieces)) {
      for (const block of blocksOf(machine))
        sent.push(transport.send(other, tag.pieces, slotAt(block.from, from), 4 * (to - from)));
    }
    const memory = heap().uint8;
    for (const block of blocksOf(machine)) {
      const at = slotAt(block.from, start);
      memory.copyWithin(sumAt(slots.blocks.indexOf(block), 0), at, at + 4 * (end - start));
    }
    for (const [index, [from, to]] of messagesOf(end - start).entries()) {
      yield* this.#connection.settle(arriving[index]!);
      const into = average + 4 * (start + from);
      trainingKernels("float32").average(
        to - from,
        shards,
        sumAt(0, from),
        this.#slots.address,
        stride,
        this.#weights.address,
        scale,
        into,
      );
      for (const other of others) sent.push(transport.send(other, tag.results, into, 4 * (to - from)));
    }
    yield* this.#connection.settle(results ?? ask());
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
