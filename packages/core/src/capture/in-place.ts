// Results in place of what they are computed from. Where a kernel that works element by element is the last to read an
// array, its result may be written over it: less memory passes through the caches, and the bits are the same. Eager ops
// cannot know that nobody reads it again; a recording can. Arguments change in the replayed calls alone.
import { elementwiseCall } from "./elementwise-calls.ts";
import type { Allocation, RecordedStep, Use } from "./recorded-steps.ts";

/** A block while it holds one array, and all that touches it. */
interface Block extends Allocation {
  first: number;
  last: number;
  /** Whether something may read or write it that is not an address in the arguments of a call. */
  fixed: boolean;
  /** The step at which its place is given to the next. */
  end: number;
  /** Where its numbers are written instead. */
  movedTo: Block | undefined;
}

/** The blocks of a recording, by place and time. */
class Blocks {
  readonly #at = new Map<number, Block[]>();
  readonly #offsets: readonly number[];

  constructor(allocations: readonly Allocation[]) {
    for (const allocation of allocations) {
      const block: Block = {
        ...allocation,
        ...{ first: Number.POSITIVE_INFINITY, last: -1, fixed: !allocation.freed },
        ...{ end: Number.POSITIVE_INFINITY, movedTo: undefined },
      };
      const before = this.#at.get(block.offset);
      if (before) {
        before.at(-1)!.end = block.steps;
        before.push(block);
      } else this.#at.set(block.offset, [block]);
    }
    this.#offsets = [...this.#at.keys()].sort((a, b) => a - b);
  }

  /** The block that has an address in a step. */
  find(address: number, step: number): Block | undefined {
    let [low, high] = [0, this.#offsets.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#offsets[middle]! <= address) low = middle + 1;
      else high = middle;
    }
    const block = this.#at.get(this.#offsets[low - 1]!)?.findLast(({ steps }) => steps <= step);
    return block && address < block.offset + block.bytes ? block : undefined;
  }
}

/**
 * The steps with results in place of their operands, where nobody can tell.
 *
 * @param addressesIn the positions of the arguments of a call that are addresses; undefined if nobody knows
 */
export function computeInPlace(
  steps: readonly RecordedStep[],
  uses: readonly Use[],
  allocations: readonly Allocation[],
  addressesIn: (step: RecordedStep) => readonly number[] | undefined,
): readonly RecordedStep[] {
  const blocks = new Blocks(allocations);
  const addresses = steps.map(addressesIn);
  noteAccesses(blocks, steps, uses, addresses);
  return steps.map((step, index) => {
    const positions = addresses[index];
    if (!positions) return step;
    const args = [...step.args];
    const blockAt = (position: number) => blocks.find(step.args[position]!, index);
    for (const position of positions) {
      const block = blockAt(position);
      if (block?.movedTo) args[position] = args[position]! - block.offset + block.movedTo.offset;
    }
    const arrays = elementwiseCall(step.name, args);
    const result = arrays && blockAt(arrays.output);
    if (result && isWhole(result, args[arrays.output]!) && !result.fixed && result.first === index) {
      const input = arrays.inputs.find((position) => {
        const own = blockAt(position);
        const block = own?.movedTo ?? own;
        return (
          block &&
          canHold(block, result, index) &&
          // All that the call reads of it goes away element by element.
          positions.every(
            (other) =>
              args[other]! < block.offset ||
              args[other]! >= block.offset + block.bytes ||
              (arrays.inputs.includes(other) && args[other] === block.offset),
          )
        );
      });
      if (input !== undefined) {
        const own = blockAt(input)!;
        const block = own.movedTo ?? own;
        result.movedTo = block;
        block.last = result.last;
        args[arrays.output] = block.offset;
      }
    }
    return args.some((arg, i) => !Object.is(arg, step.args[i])) ? { ...step, args } : step;
  });
}

const isWhole = (block: Block, address: number) => block.offset === address;

/** Whether nobody needs a block after a step, until the result that is computed there is no longer needed. */
const canHold = (block: Block, result: Block, step: number) =>
  !block.fixed && block.last === step && block.bytes === result.bytes && result.last < block.end;

/** Finds out when blocks are touched, and which may be touched by what is no kernel call. */
function noteAccesses(
  blocks: Blocks,
  steps: readonly RecordedStep[],
  uses: readonly Use[],
  addresses: readonly (readonly number[] | undefined)[],
): void {
  for (const [index, { args }] of steps.entries()) {
    const positions = addresses[index];
    for (const address of positions ? positions.map((position) => args[position]!) : args) {
      const block = blocks.find(address, index);
      if (!block) continue;
      block.first = Math.min(block.first, index);
      block.last = index;
      if (!positions) block.fixed = true;
    }
  }
  // An op takes the addresses of its tensors right before it calls a kernel. Who takes others may do anything with them.
  for (const { steps: index, address } of uses) {
    const positions = addresses[index];
    if (positions?.some((position) => steps[index]!.args[position] === address)) continue;
    const block = blocks.find(address, index);
    if (block) block.fixed = true;
  }
}
