// The part of a machine's run that speaks to the other machines: one more party of a barrier of its workers. These stop
// at the barrier with an order, the link carries it out together with the links of all other machines, and all go on.
//
//   workers:  … passes → barrier ─────────────────────────────────→ barrier → update …
//   link:                barrier → words, losses → average, by piece → barrier
//
// Where gradients leave early (shared/arrays/buckets.ts), the link averages them part by part while the passes go on. What is
// left for the order are words and losses.
//
// Every order is given by all machines in the same step: what decides about it is the same numbers everywhere, or words
// that were exchanged before.
import { heap, Storage } from "@shardgrad/core/engine";
import { hashBytes } from "../data/column-hash.ts";
import type { Phase } from "../errors.ts";
import { MachineError } from "../errors.ts";
import type { MetricsPlan } from "../metrics/plan.ts";
import { chunkCount, chunkSize } from "../metrics/plan.ts";
import { BucketWords } from "../shared/arrays/buckets.ts";
import { arraysToAverage } from "../shared/arrays/local-memory.ts";
import type { Machines } from "../shared/arrays/machines.ts";
import { allWorkers, machineOfWorker } from "../shared/arrays/machines.ts";
import type { Layout } from "../shared/layout.ts";
import type { Float64Table } from "../shared/tables/float64-table.ts";
import { planTable, readCell, rowOf, tableBytes, writeCell } from "../shared/tables/float64-table.ts";
import type { Barrier } from "../shared/words/barrier.ts";
import type { Control } from "../shared/words/control.ts";
import type { Pauses } from "../shared/words/pauses.ts";
import { sumOverShards } from "../step/allreduce.ts";
import { segmentsOfChunk } from "../step/evaluate.ts";
import { MachineSums } from "../step/gradient-sums.ts";
import type { Connection, Segment } from "./connection.ts";
import { LockstepExchanges } from "./lockstep-exchanges.ts";
import type { Waiting } from "./news.ts";
import { PieceAverage, partsOf, pieceBytes } from "./piece-average.ts";
import { rowsOf, segmentsByMachine } from "./shard-rows.ts";

/** What workers ask for. */
export const orders = [
  /** The losses and weights of a step, words, and the average of the gradients. */
  "average",
  /** The same for shards that train separately: the averages of their arrays. */
  "synchronize",
  /** For models that normalize over the batch: what their shards announce and bring first, and then each time. */
  "announce",
  "exchange",
  /** The running statistics, from the machine that has the first shard with samples. */
  "settle",
  /** What metrics have brought, by chunk. */
  "evaluate",
  /** Whether all machines still have the same weights, and the same results of metrics. */
  "compare",
  /** The run is over. */
  "leave",
] as const;
export type Order = (typeof orders)[number];

/** Where a link pauses: as a worker, for the network, and, as at a barrier, for what its machine's workers bring. */
export type LinkPause = Exclude<Phase, "barrier"> | Barrier | "network" | "workers";
export type LinkPauses = Generator<LinkPause, void, void>;

/** A worker's side of it. */
export interface Meeting {
  /** Of all workers of the machine and its link. */
  readonly barrier: Barrier;
  readonly control: Control;
  readonly rank: number;
}

/** All workers of a machine call it, with the same order; afterwards it is carried out. */
export function* meet({ barrier, control, rank }: Meeting, order: Order, step: number): Pauses {
  if (rank === 0) {
    control.store("orderStep", step);
    control.store("order", orders.indexOf(order));
  }
  yield barrier;
  if (order !== "leave") yield barrier;
}

/** What the link works with. */
export interface LinkParts {
  readonly layout: Layout;
  readonly machines: Machines;
  /** Of this machine. */
  readonly workers: number;
  readonly metrics: { plan: MetricsPlan; samples: number } | undefined;
  readonly control: Control;
  readonly barrier: Barrier;
  readonly connection: Connection;
}

/** Bytes that a link may allocate: only address space until it does. */
export function linkBytes(layout: Layout, machines: number, metricBytes: number): number {
  const { shards, parameters, numbers } = layout;
  const words = shards * (8 * 8 + parameters.length) + (numbers ? tableBytes(shards, numbers.columns) : 0);
  const steps = layout.local ? tableBytes(layout.local.steps.rows, layout.local.steps.columns) : 0;
  const pieces = numbers ? 0 : pieceBytes(layout);
  // Words, steps and metrics are collected in blocks of one size for each machine; what BatchNorm exchanges is unknown.
  return pieces + 4 * (words + steps + metricBytes) * machines + 64 * 1024 ** 2;
}

/** See the top of the file. */
export class Link {
  readonly #parts: LinkParts;
  readonly #average: PieceAverage | undefined;
  /** A row for each machine: whether it is to stop, and after which step. */
  readonly #words: Float64Table;
  readonly #hashes: Storage;
  /** A row for each machine: what all metrics come to. */
  readonly #results: Float64Table | undefined;
  readonly #bucketWords: BucketWords;
  readonly #sums: MachineSums;
  #first = true;
  readonly #exchanges: LockstepExchanges;

  constructor(parts: LinkParts) {
    const { layout, machines, connection } = parts;
    this.#parts = parts;
    this.#exchanges = new LockstepExchanges(parts);
    this.#bucketWords = new BucketWords(heap().int32, layout.bucketWords, layout.buckets.length);
    this.#sums = new MachineSums(layout);
    this.#average = layout.numbers ? undefined : new PieceAverage(layout, connection);
    const keep = (bytes: number) => {
      const storage = Storage.allocate(bytes, "words of machines");
      storage.retain();
      return storage;
    };
    this.#words = planTable(keep, machines.workers.length, 2);
    this.#hashes = keep(32 * machines.workers.length);
    const cells = parts.metrics?.plan.cells ?? 0;
    if (cells > 0) this.#results = planTable(keep, machines.workers.length, cells);
  }

  /** Carries out what the workers ask for, until they leave. */
  *loop(): LinkPauses {
    const { layout, barrier, control, connection } = this.#parts;
    for (;;) {
      if (layout.buckets.length > 0) yield* this.#averageEarly();
      yield barrier;
      const order = orders[control.load("order")]!;
      yield order === "evaluate" ? "evaluate" : "reduce";
      if (order === "leave") return yield* connection.leave();
      yield* this.#carryOut(order, control.load("orderStep"));
      yield barrier;
    }
  }

  #carryOut(order: Exclude<Order, "leave">, step: number): Waiting {
    switch (order) {
      case "average":
        return this.#averageGradients(step);
      case "synchronize":
        return this.#synchronize(step);
      case "announce":
        return this.#exchanges.announce();
      case "exchange":
        return this.#exchanges.next();
      case "settle":
        return this.#exchanges.settle();
      case "evaluate":
        return this.#evaluate();
      case "compare":
        return this.#compare(step);
    }
  }

  *#averageGradients(step: number): Waiting {
    const { layout } = this.#parts;
    const { losses, shardWeights, notFinite, numbers } = layout;
    const tables = [losses, shardWeights, notFinite, ...(numbers ? [numbers] : [])];
    yield* this.#shareWords(step, (shards) => tables.map((table) => rowsOf(table, shards)));
    this.#bucketWords.reset();
    if (layout.buckets.length > 0 || !this.#average || sumOverShards(layout, "shardWeights") === 0) return;
    const [whole] = partsOf(layout);
    yield* this.#average.average(layout.gradients, layout.average, whole!);
  }

  /** Averages parts of the gradients as workers finish them. Ends when all are done, or all workers wait for another order. */
  *#averageEarly(): LinkPauses {
    const { layout, control, connection, workers } = this.#parts;
    const { gradients, average, buckets, shardWeights } = layout;
    const parts = partsOf(layout);
    const underWay = new Set<Waiting>();
    const missing = new Set(buckets.keys());
    for (;;) {
      // First: who waits has told before what is there.
      const allWait = control.load("reduceArrived") === workers;
      const ready = [...missing].filter((bucket) => this.#bucketWords.toldBy(bucket) === workers);
      const isFirst = missing.size === buckets.length;
      if (isFirst && ready.length === 0 && allWait) return;
      if (ready.length > 0) yield "reduce";
      if (isFirst && ready.length > 0) {
        yield* connection.share(segmentsByMachine(this.#parts, (shards) => [rowsOf(shardWeights, shards)]));
        if (sumOverShards(layout, "shardWeights") === 0) return;
      }
      for (const bucket of ready) {
        const { from, to } = buckets[bucket]!;
        missing.delete(bucket);
        this.#sums.addUp(gradients, [from, to]);
        underWay.add(this.#average!.average(gradients, average, parts[bucket]!));
      }
      for (const part of underWay) if (part.next().done) underWay.delete(part);
      if (missing.size === 0 && underWay.size === 0) return;
      connection.look();
      yield underWay.size === 0 ? "workers" : "network";
    }
  }

  *#synchronize(step: number): Waiting {
    const { layout } = this.#parts;
    const { shards, shardWeights } = layout;
    const { steps } = layout.local!;
    yield* this.#shareWords(step, ([from, to]) => [
      rowsOf(shardWeights, [from, to]),
      ...Array.from({ length: steps.rows / shards }, (_, i) =>
        rowsOf(steps, [i * shards + from, i * shards + to]),
      ),
    ]);
    if (sumOverShards(layout, "shardWeights") === 0) return;
    const [whole] = partsOf(layout);
    for (const { own, average } of arraysToAverage(layout, layout.local!)) {
      yield* this.#average!.average(own, average, whole!);
    }
  }

  /** What is known of the shards, and of the machines themselves. */
  *#shareWords(step: number, of: (shards: readonly [from: number, to: number]) => Segment[]): Waiting {
    const { layout, control, connection } = this.#parts;
    const { reached, parameters } = layout;
    writeCell(this.#words, connection.machine, 0, control.load("stopRequested"));
    writeCell(this.#words, connection.machine, 1, step);
    const shared = segmentsByMachine(this.#parts, ([from, to]) => [
      ...of([from, to]),
      ...(this.#first
        ? [{ address: reached + from * parameters.length, bytes: (to - from) * parameters.length }]
        : []),
    ]);
    yield* connection.share(
      shared.map((segments, machine) => [rowsOf(this.#words, [machine, machine + 1]), ...segments]),
    );
    if (sumOverShards(layout, "shardWeights") > 0) this.#first = false;
    for (let machine = 0; machine < connection.machines; machine++) {
      if (readCell(this.#words, machine, 0) !== 0) control.store("stopAgreed", 1);
      const theirs = readCell(this.#words, machine, 1);
      if (theirs === step) continue;
      throw new MachineError(
        `train: machine ${machine} is in step ${theirs}, this one, machine ${connection.machine}, in step ${step}; every machine must run the same job with the same options`,
      );
    }
  }

  *#evaluate(): Waiting {
    const { layout, machines, metrics, connection } = this.#parts;
    const { plan, samples } = metrics!;
    const shared: Segment[][] = machines.workers.map(() => []);
    const all = allWorkers(machines);
    for (let chunk = 0; chunk < chunkCount(samples); chunk++) {
      const start = chunk * chunkSize;
      const range = [start, Math.min(samples, start + chunkSize)] as const;
      shared[machineOfWorker(machines, chunk % all)]!.push(
        ...segmentsOfChunk(plan, layout.metrics, chunk, range),
      );
    }
    yield* connection.share(shared);
  }

  /** @throws MachineError if a machine has other weights, or other results of metrics */
  *#compare(step: number): Waiting {
    yield* this.#compareWeights(step);
    const { layout, metrics, connection } = this.#parts;
    if (!this.#results || !metrics) return;
    const { cells } = metrics.plan;
    const results = this.#results;
    const own = rowOf({ address: layout.metrics, rows: 1, columns: cells }, 0);
    rowOf(results, connection.machine).set(own);
    yield* connection.share(
      Array.from({ length: connection.machines }, (_, machine) => [rowsOf(results, [machine, machine + 1])]),
    );
    const first = rowOf(results, 0);
    for (let machine = 1; machine < connection.machines; machine++) {
      const at = rowOf(results, machine).findIndex((value, cell) => !Object.is(value, first[cell]));
      if (at < 0) continue;
      const { name } = metrics.plan.metrics.findLast(({ cell }) => cell <= at)!;
      throw new MachineError(
        `train: after step ${step}, machine ${machine} has ${rowOf(results, machine)[at]} for ${name}, machine 0 ${first[at]}; does this metric depend on the machine?`,
      );
    }
  }

  *#compareWeights(step: number): Waiting {
    const { layout, connection } = this.#parts;
    const { weights, flatSize } = layout;
    const bytes = heap().uint8;
    const hash = hashBytes(bytes.subarray(weights, weights + 4 * flatSize));
    const at = (machine: number) => this.#hashes.offset + 32 * machine;
    bytes.set(new TextEncoder().encode(hash), at(connection.machine));
    yield* connection.share(
      Array.from({ length: connection.machines }, (_, machine) => [{ address: at(machine), bytes: 32 }]),
    );
    const hashOf = (machine: number) => new TextDecoder().decode(bytes.slice(at(machine), at(machine) + 32));
    for (let machine = 1; machine < connection.machines; machine++) {
      if (hashOf(machine) === hashOf(0)) continue;
      throw new MachineError(
        `train: after step ${step}, machine ${machine} has other weights than machine 0 (${hashOf(machine).slice(0, 8)}, ${hashOf(0).slice(0, 8)}); does the job's loss, augment() or afterStep() depend on the machine, or is its memory faulty?`,
      );
    }
  }
}
