// What carries bytes between the machines of a run, each of which is one process. `@shardgrad/mpi` has one over MPI;
// testing/simulated-network.ts one within a process. Nothing else is asked of it: the sums are computed here, because
// a library's own sums have no fixed order.
import type { Launch } from "./launcher.ts";

/** Something under way: void once it is done. */
export type Ticket = number;

/**
 * Which machine this is, and the messages between them. Addresses are bytes of core's heap. One thread at a time calls
 * it. No call blocks but `close`, which waits for the other machines.
 */
export interface Transport {
  /** This machine's number, counted from 0. */
  readonly machine: number;
  readonly machines: number;
  /** What carries the bytes, for people: `"Open MPI 4.1.4"`. */
  readonly name: string;
  /**
   * Begins to send; the bytes must not change until it is done. Messages from one machine to another with the same tag
   * (0 … 32767) arrive in the order in which they were sent.
   */
  send(to: number, tag: number, address: number, bytes: number): Ticket;
  /** Begins to receive exactly so many bytes. */
  receive(from: number, tag: number, address: number, bytes: number): Ticket;
  /** Begins to collect `bytes` bytes of every machine, in the order of the machines, at `to` of each. All must call it. */
  gather(address: number, bytes: number, to: number): Ticket;
  /**
   * Whether that is done; also lets everything under way go on.
   *
   * @throws an error whose one line says what failed
   */
  isDone(ticket: Ticket): boolean;
  /** Ends the connection. All machines call it, with nothing under way. */
  close(): void;
}

/** What a package with a transport exports. */
export interface TransportPackage {
  /**
   * Connects this process with the others of its launch, or takes over the connection that another thread of it has
   * made. The heap is core's. `launch` is what the launcher says (`machinesOf`).
   *
   * @throws an error whose one line says why: no library, or another one than the launcher's
   */
  openTransport(heap: SharedArrayBuffer, launch: Launch): Transport;
}
