// The recording of one run of a function: kernel calls and host steps in order, and the conditions under which
// repeating them equals running the function. See README.md in this folder. Knows no op by name.
import { CaptureError } from "../errors.ts";
import type { KernelCall } from "../kernels/dispatch.ts";
import { callJoiner, kernelTables, listenToKernels } from "../kernels/dispatch.ts";
import type { JoinedCalls } from "../kernels/provide-kernels.ts";
import type { Plan } from "../memory/plan.ts";
import type { Storage } from "../memory/storage.ts";
import { allocateAt, allocateFrom } from "../memory/storage.ts";
import type { Exchange, Observer } from "../observer.ts";
import { observe } from "../observer.ts";
import type { Generator } from "../random.ts";
import { guardGenerators } from "../random.ts";
import { Tensor } from "../tensor.ts";
import { computeInBlocks } from "./in-blocks.ts";
import { computeInPlace } from "./in-place.ts";
import { RandomStreams } from "./random-streams.ts";
import type { Allocation, RecordedStep, Use } from "./recorded-steps.ts";

const noArguments: readonly number[] = [];

/** A step that is replayed by itself, or several as one. */
type ReplayedStep = Pick<RecordedStep, "run" | "args" | "exchange">;

export class Recording implements Observer {
  readonly steps: RecordedStep[] = [];
  readonly usesOfTensors: Use[] = [];
  readonly exchange: Observer["exchange"];
  readonly #plan: Plan;
  readonly #tables = kernelTables();
  readonly #streams = new RandomStreams();
  readonly #conditions: (() => boolean)[] = [];
  readonly #outside = new Map<Tensor, { address: number; requiresGrad: boolean }>();
  readonly #gradsKnown = new Set<Tensor>();
  /** By these, addresses of two recordings can be compared. */
  readonly #allocations: Allocation[] = [];
  readonly #results: Tensor[] = [];
  /** The steps as they are replayed: kernel calls in a row are joined where the kernels can do that. */
  #replayed: readonly ReplayedStep[] | undefined;
  readonly #joined: JoinedCalls[] = [];
  /** Blocks of gradients that the step leaves behind: nobody else may get them. */
  readonly #left = new Set<Storage>();

  /** `inRounds` if the recording is one shard's part of a batch, which exchanges numbers with the others. */
  constructor(plan: Plan, inRounds: boolean) {
    this.#plan = plan;
    this.exchange = inRounds ? (exchange) => this.#noteExchange(exchange) : null;
  }

  /** Runs `body` and records it. */
  record<T>(body: () => T): T {
    const { steps } = this;
    const listen = ({ kernel, run, args }: KernelCall) =>
      void steps.push({ name: kernel, run, args, isKernel: true });
    const guard = (operation: string) => {
      throw new CaptureError(
        `compile: ${operation} inside a compiled function would lead to the same random numbers in every replay; do it before the call`,
      );
    };
    this.#plan.listener = {
      allocates: (offset, bytes) => this.#noteAllocation(offset, bytes),
      frees: (offset) => {
        const block = this.#allocations.findLast((allocation) => allocation.offset === offset);
        if (block) block.freed = true;
      },
    };
    try {
      return allocateFrom(this.#plan, () =>
        listenToKernels(listen, () => guardGenerators(guard, () => observe(this, body))),
      );
    } finally {
      this.#plan.listener = null;
      for (const [x, noted] of this.#outside) if (x.alive) this.#requireSame(x, noted);
      this.#streams.endStep();
    }
  }

  /** Replays everything. */
  replay(): void {
    this.#streams.write();
    for (const { run, args } of this.#joinedSteps()) Reflect.apply(run, undefined, args);
    this.#streams.advance();
  }

  /** Replays everything step by step. Calls `before` before each, and at the end with the number of steps. */
  replaySteps(before: (step: number) => void): void {
    this.#streams.write();
    const { steps } = this;
    for (let i = 0; i < steps.length; i++) {
      const { run, args } = steps[i]!;
      before(i);
      Reflect.apply(run, undefined, args);
    }
    before(steps.length);
    this.#streams.advance();
  }

  /** Replays everything, and stops at each exchange. When it is resumed, the exchanged numbers must be in place. */
  *replayInRounds(): IterableIterator<Exchange, void> {
    this.#streams.write();
    for (const { run, args, exchange } of this.#joinedSteps()) {
      if (exchange) yield exchange;
      else Reflect.apply(run, undefined, args);
    }
    this.#streams.advance();
  }

  /** The exchanges at which it stops. */
  get exchanges(): readonly Exchange[] {
    return this.steps.flatMap(({ exchange }) => exchange ?? []);
  }

  /** True if a replay would now do the same as the function. */
  fits(): boolean {
    if (kernelTables() !== this.#tables) return false;
    for (const holds of this.#conditions) if (!holds()) return false;
    return true;
  }

  /** How another recording of the same function differs, as text; undefined if it does not. */
  difference(other: Recording): string | undefined {
    const count = Math.max(this.steps.length, other.steps.length);
    for (let index = 0; index < count; index++) {
      const [a, b] = [this.steps[index], other.steps[index]];
      const place = `kernel call ${index + 1} of ${count}`;
      if (!a || !b || a.name !== b.name)
        return `${place} was ${a?.name ?? "none"}, then ${b?.name ?? "none"}`;
      for (const [i, before] of a.args.entries()) {
        const after = b.args[i]!;
        if (Object.is(before, after)) continue;
        const origin = this.#originOf(before, index);
        if (origin !== undefined && origin === other.#originOf(after, index)) continue;
        return `${place}, ${a.name}, got ${before} as argument ${i + 1}, then ${after}`;
      }
    }
    return undefined;
  }

  /** A result of the run, in a handle that lives as long as the recording. */
  keepResult(x: Tensor): Tensor {
    const kept = x.view(x.shape, x.strides).keep();
    this.#results.push(kept);
    if (!x.kept && x.storage.isFrom(this.#plan)) x.dispose("compile(), which returns copies");
    return kept;
  }

  dispose(): void {
    for (const result of this.#results) result.dispose();
    this.#results.length = 0;
    for (const storage of this.#left) storage.release();
    this.#left.clear();
    for (const joined of this.#joined) joined.dispose();
    this.#joined.length = 0;
    this.#streams.dispose();
  }

  uses(x: Tensor, storage: Storage, address: number): void {
    this.usesOfTensors.push({ steps: this.steps.length, address, x });
    if (storage.isFrom(this.#plan) || this.#outside.has(x)) return;
    this.#outside.set(x, { address, requiresGrad: x.requiresGrad });
  }

  readsGrad(leaf: Tensor, grad: Tensor | null): void {
    if (!this.#noteGrad(leaf)) return;
    const place = (x: Tensor | null) => (x?.alive ? x.address : null);
    const before = observe(null, () => place(grad));
    this.dependsOn(() => place(leaf.grad) === before);
  }

  writesGrad(leaf: Tensor, grad: Tensor | null): void {
    if (this.#isOwn(leaf)) return;
    this.#noteGrad(leaf);
    const gradient = grad && this.#lasting(grad);
    this.#note(grad ? "grad = …" : "grad = null", () => {
      leaf.grad = gradient?.() ?? null;
    });
  }

  clearsGrad(leaf: Tensor): void {
    if (this.#isOwn(leaf)) return;
    this.#noteGrad(leaf);
    this.#note("clear grad", () => {
      const { grad } = leaf;
      // A replay writes the same values to the same place.
      if (grad?.alive && this.#left.has(grad.storage)) leaf.grad = null;
      else leaf.clearGrad();
    });
  }

  dependsOn(holds: () => boolean): void {
    this.#conditions.push(holds);
  }

  hostStep(name: string, body: () => void): void {
    this.once(body);
    this.#note(name, body);
  }

  once<T>(body: () => T): T {
    return allocateAt(null, () =>
      allocateFrom(null, () => listenToKernels(null, () => guardGenerators(null, () => observe(null, body)))),
    );
  }

  draw(generator: Generator, count: number): { cells: number; position: number } {
    if (!this.#streams.has(generator)) {
      const { cells, fits } = this.once(() => this.#streams.begin(generator));
      this.#noteAllocation(cells.offset, cells.bytes);
      this.dependsOn(fits);
    }
    return this.#streams.draw(generator, count);
  }

  #joinedSteps(): readonly ReplayedStep[] {
    this.#replayed ??= this.#join();
    return this.#replayed;
  }

  #join(): readonly ReplayedStep[] {
    const joiner = callJoiner();
    if (!joiner) return this.steps;
    const steps = computeInPlace(this.steps, this.usesOfTensors, this.#allocations, ({ run }) =>
      joiner.joins(run) ? joiner.addresses(run) : undefined,
    );
    const parts: ReplayedStep[] = [];
    let row: RecordedStep[] = [];
    const endRow = () => {
      if (row.length > 1) {
        const joined = joiner.join(computeInBlocks(row));
        this.#joined.push(joined);
        parts.push({ run: joined.run, args: noArguments });
      } else parts.push(...row);
      row = [];
    };
    for (const step of steps) {
      if (joiner.joins(step.run)) row.push(step);
      else {
        endRow();
        parts.push(step);
      }
    }
    endRow();
    return parts;
  }

  #noteAllocation(offset: number, bytes: number): void {
    this.#allocations.push({ steps: this.steps.length, offset, bytes, freed: false });
  }

  #noteExchange(exchange: Exchange): void {
    const { name, addresses } = exchange;
    this.steps.push({ name, run: () => undefined, args: addresses, isKernel: false, exchange });
  }

  /** True for a tensor that the step makes: nobody else uses its gradient. */
  #isOwn(leaf: Tensor): boolean {
    return observe(null, () => leaf.alive && leaf.storage.isFrom(this.#plan));
  }

  /** True when the step first touches the gradient of a tensor that existed before. */
  #noteGrad(leaf: Tensor): boolean {
    if (this.#gradsKnown.has(leaf) || this.#isOwn(leaf)) return false;
    this.#gradsKnown.add(leaf);
    return true;
  }

  /** Keeps the block of a gradient, and returns a handle, even after somebody has disposed of one. */
  #lasting(gradient: Tensor): () => Tensor {
    const { shape, strides, offset, dtype } = gradient;
    const storage = observe(null, () => gradient.storage);
    if (storage.isFrom(this.#plan) && !this.#left.has(storage)) {
      storage.retain();
      this.#left.add(storage);
    }
    let handle = gradient;
    return () => {
      if (!handle.alive) handle = new Tensor(storage, shape, strides, offset, dtype).keep();
      return handle;
    };
  }

  #note(name: string, run: () => void): void {
    this.steps.push({ name, run, args: noArguments, isKernel: false });
  }

  #requireSame(x: Tensor, { address, requiresGrad }: { address: number; requiresGrad: boolean }): void {
    this.dependsOn(() => x.alive && x.address === address && x.requiresGrad === requiresGrad);
  }

  /** Which allocated block an address lies in after step `index`, and at which offset. */
  #originOf(address: number, index: number): string | undefined {
    const number = this.#allocations.findLastIndex(
      ({ steps, offset, bytes }) => steps <= index && offset <= address && address < offset + bytes,
    );
    return number < 0 ? undefined : `${number}+${address - this.#allocations[number]!.offset}`;
  }
}
