// What a step of several machines costs beyond computing: a gather of a few numbers, then the sum of the gradients by
// reduce-scatter and all-gather, directly from each machine to each. Formulas only, in seconds and bytes; nothing is
// measured here. docs/machines.md explains them, and compares them with a ring, a tree and a chain.

/** A network, and what serving it costs a machine. */
export interface Network {
  /** α: from sending a small message until it is there. */
  latencySeconds: number;
  /** B: what a machine can send and, at the same time, receive. */
  bytesPerSecond: number;
  /** o: what one message, sent or received, costs the thread that communicates. */
  messageSeconds: number;
  /** R: the bytes that this thread handles: every one that it sends, receives or adds. */
  threadBytesPerSecond: number;
  /** c: longer pieces go in chunks of so many bytes. */
  chunkBytes: number;
}

/** What frames and the headers of IP and TCP leave of a line with packets of 1,500 bytes: 1,448 of 1,538 bytes. */
const payload = 1448 / 1538;

/** Ethernet of so many bits a second with TCP, on a processor that handles 10 GB/s and 100,000 messages a second. */
export function ethernet(bitsPerSecond: number, latencySeconds: number): Network {
  return {
    latencySeconds,
    bytesPerSecond: (payload * bitsPerSecond) / 8,
    messageSeconds: 10e-6,
    threadBytesPerSecond: 10e9,
    chunkBytes: 2 ** 19,
  };
}

/** What every machine tells the others before the sum: its loss, its weight, whether to go on. */
const wordsBytes = 256;

/** The aligned blocks of 1, 2, 4, … shards, each as large as can be, that make up the shards `from` … `to`-1. */
function blocksIn(from: number, to: number): number {
  let [blocks, next] = [0, from];
  for (; next < to; blocks++) {
    const aligned = next === 0 ? Number.POSITIVE_INFINITY : next & -next;
    next += Math.min(aligned, 2 ** Math.floor(Math.log2(to - next)));
  }
  return blocks;
}

/**
 * The partial sums that each machine has of its shards: the blocks of the pairwise tree over all shards that make up
 * its part. One, if the part is such a block itself.
 */
export function blocksOfMachines(shards: number, machines: number): number[] {
  const cut = (machine: number) => Math.floor((shards * machine) / machines);
  return Array.from({ length: machines }, (_, machine) => blocksIn(cut(machine), cut(machine + 1)));
}

/** `⌈log₂ M⌉ (α + 2 o) + (M − 1) w / B`: the gather of w bytes of each machine doubles what each has, round by round. */
export function gatherSeconds(machines: number, network: Network): number {
  const { latencySeconds, messageSeconds, bytesPerSecond } = network;
  const rounds = Math.ceil(Math.log2(machines));
  return rounds * (latencySeconds + 2 * messageSeconds) + ((machines - 1) * wordsBytes) / bytesPerSecond;
}

/**
 * The sum of n bytes of gradient over M machines, of which machine i has kᵢ blocks. Machine j adds up piece j, n / M
 * bytes, of everybody's blocks, and sends the result to everybody. Of p parts of the gradient, each is summed like that:
 *
 *     line    L = (max(max kᵢ (M − 1), Σ kᵢ − min kᵢ) + (M − 1)) n / M / B
 *     thread  T = messages · o + (sent + received + added) / R
 *     sum       = 2 α + max(L, T) + min(L, T) / ((M − 1) C)       with C = p ⌈n / p / M / c⌉ chunks of a piece
 *
 * Two rounds, so two latencies. Line and thread work at the same time, message by message; only for the first message
 * does one wait for the other. With one block each, L is that of a ring: 2 n (M − 1) / M / B.
 */
export function sumSeconds(bytes: number, blocks: readonly number[], network: Network, parts = 1): number {
  const machines = blocks.length;
  if (machines === 1) return 0;
  const { latencySeconds, bytesPerSecond, messageSeconds, threadBytesPerSecond, chunkBytes } = network;
  const others = machines - 1;
  const piece = bytes / machines;
  const chunks = parts * Math.ceil(piece / parts / chunkBytes);
  const all = blocks.reduce((sum, count) => sum + count, 0);
  // Pieces in the first round, and as many again as there are other machines in the second.
  const sent = Math.max(...blocks) * others + others;
  const received = all - Math.min(...blocks) + others;
  const line = (Math.max(sent, received) * piece) / bytesPerSecond;
  const handled = (sent + received + all - 1) * piece;
  const thread = (sent + received) * chunks * messageSeconds + handled / threadBytesPerSecond;
  const first = Math.min(line, thread) / (others * chunks);
  return 2 * latencySeconds + Math.max(line, thread) + first;
}

/** What one machine does of a step, and what it brings to the sum. */
export interface MachineStep {
  /** The backward pass of a worker's last shard: during it, gradients become final. */
  backwardSeconds: number;
  gradientBytes: number;
  /** By machine: its blocks. */
  blocks: readonly number[];
}

/** The least bytes of a part that leaves early: pieces of 64 KiB, or 256 KiB in all for few machines. */
const leastPartBytes = (machines: number) => Math.max(2 ** 18, machines * 2 ** 16);

/**
 * What the network adds to a step. Without overlap, the gather and the sum. With overlap, the gradient leaves in p equal
 * parts, each when the backward pass has finished it. The pass takes t, so the first one leaves after t / p, and the last
 * one at the end. The machines need one more gather before the first:
 *
 *     gather + max(gather + sum(n) − t (p − 1) / p, sum(n / p))
 */
export function networkSeconds(step: MachineStep, network: Network, overlap: boolean): number {
  const { blocks, gradientBytes, backwardSeconds } = step;
  const machines = blocks.length;
  if (machines === 1) return 0;
  const gather = gatherSeconds(machines, network);
  if (!overlap) return gather + sumSeconds(gradientBytes, blocks, network);
  const parts = Math.max(1, Math.floor(gradientBytes / leastPartBytes(machines)));
  const sum = gather + sumSeconds(gradientBytes, blocks, network, parts);
  const hidden = (backwardSeconds * (parts - 1)) / parts;
  return gather + Math.max(sum - hidden, sumSeconds(gradientBytes / parts, blocks, network));
}
