// How long others' ways to sum n bytes over M machines take, by the same network: what simulate/cost-model.ts is compared
// with in docs/machines.md. In each of them a round begins when the one before has arrived:
//
//     rounds (α + 2 o) + max(bytes of the line / B, bytes of the thread / R)
import type { Network } from "../src/simulate/cost-model.ts";

/** As much is received as is sent. Messages that no round counts are `more`. */
function inRounds(
  rounds: number,
  { sent, added, more = 0 }: { sent: number; added: number; more?: number },
  network: Network,
): number {
  const { latencySeconds, messageSeconds, bytesPerSecond, threadBytesPerSecond } = network;
  const thread = (2 * sent + added) / threadBytesPerSecond + more * messageSeconds;
  return rounds * (latencySeconds + 2 * messageSeconds) + Math.max(sent / bytesPerSecond, thread);
}

/** Reduce-scatter and all-gather, both ways with everybody sending and adding a piece of n / M bytes each time. */
const scattered = (bytes: number, machines: number) => {
  const others = ((machines - 1) * bytes) / machines;
  return { sent: 2 * others, added: others };
};

/** A ring: 2 (M − 1) rounds, in each of which every machine sends a piece to its neighbour. */
export function ringSeconds(bytes: number, machines: number, network: Network): number {
  return inRounds(2 * (machines - 1), scattered(bytes, machines), network);
}

/** Recursive halving and doubling (Rabenseifner): 2 log₂ M rounds, as many bytes as a ring. */
export function treeSeconds(bytes: number, machines: number, network: Network): number {
  return inRounds(2 * Math.ceil(Math.log2(machines)), scattered(bytes, machines), network);
}

/**
 * A chain: the sum passes from machine to machine in chunks, each adds its part, and the result comes back. In between,
 * every machine sends all n bytes twice; of two machines, each sends them once. The pipeline fills chunk by chunk.
 */
export function chainSeconds(bytes: number, machines: number, network: Network): number {
  const { chunkBytes, bytesPerSecond } = network;
  const rounds = 2 * (machines - 1);
  const fill = (rounds * Math.min(chunkBytes, bytes)) / bytesPerSecond;
  const times = machines === 2 ? 1 : 2;
  const more = 2 * times * Math.ceil(bytes / chunkBytes);
  return fill + inRounds(rounds, { sent: times * bytes, added: bytes, more }, network);
}
