// Messages over MPI, on the communicator of all processes: this package alone speaks MPI in its process.
import type { Launch, Ticket, Transport } from "@shardgrad/parallel/engine";
import type { Calls } from "./calls.ts";
import { check, failure } from "./calls.ts";
import { MpiError } from "./errors.ts";
import type { Mpi } from "./find-mpi.ts";
import type { Abi } from "./libraries.ts";
import { sleep } from "./native.ts";
import { kinds, Requests } from "./requests.ts";

/** An int in C. */
const mostBytes = 2 ** 31 - 1;

/** More than machines are apart when their last message arrives. */
const quietMs = 500;

export class MpiTransport implements Transport {
  readonly machine: number;
  readonly machines: number;
  readonly name: string;
  readonly #abi: Abi;
  readonly #hangsInFinalize: boolean;
  readonly #calls: Calls;
  /** The address of the heap's first byte. */
  readonly #heap: number;
  readonly #requests: Requests;

  constructor(
    { name, abi, hangsInFinalize }: Mpi,
    calls: Calls,
    heap: number,
    { machine, machines }: Launch,
  ) {
    this.machine = machine;
    this.machines = machines;
    this.name = name;
    this.#abi = abi;
    this.#hangsInFinalize = hangsInFinalize;
    this.#calls = calls;
    this.#heap = heap;
    this.#requests = new Requests(abi.handleBytes);
  }

  send(to: number, tag: number, address: number, bytes: number): Ticket {
    const { world, byte } = this.#abi;
    const ticket = this.#begin(kinds.send, to, bytes);
    const request = this.#requests.addressOf(ticket);
    const code = this.#calls.send(this.#heap + address, bytes, byte, to, tag, world, request);
    return code === 0 ? ticket : this.#fail(ticket, code);
  }

  receive(from: number, tag: number, address: number, bytes: number): Ticket {
    const { world, byte } = this.#abi;
    const ticket = this.#begin(kinds.receive, from, bytes);
    const request = this.#requests.addressOf(ticket);
    const code = this.#calls.receive(this.#heap + address, bytes, byte, from, tag, world, request);
    return code === 0 ? ticket : this.#fail(ticket, code);
  }

  gather(address: number, bytes: number, to: number): Ticket {
    const { world, byte } = this.#abi;
    const ticket = this.#begin(kinds.gather, 0, bytes);
    const request = this.#requests.addressOf(ticket);
    const { gather } = this.#calls;
    const code = gather(this.#heap + address, bytes, byte, this.#heap + to, bytes, byte, world, request);
    return code === 0 ? ticket : this.#fail(ticket, code);
  }

  isDone(ticket: Ticket): boolean {
    const requests = this.#requests;
    if (requests.kindOf(ticket) === kinds.none)
      throw new MpiError(`mpi: isDone: nothing is under way as ${ticket}; ask no more once it is done`);
    const request = requests.addressOf(ticket);
    const code = this.#calls.test(request, requests.flagAddress, this.#abi.statusIgnore);
    if (code !== 0) this.#fail(ticket, code);
    if (!requests.flag) return false;
    requests.giveBack(ticket);
    return true;
  }

  close(): void {
    if (this.#hangsInFinalize) sleep(quietMs);
    check(this.#calls.finalize(), "closing the connection", this.#calls);
  }

  #begin(kind: number, peer: number, bytes: number): Ticket {
    if (!(bytes >= 0 && bytes <= mostBytes))
      throw new MpiError(`mpi: a message of ${bytes} bytes, expected 0 to ${mostBytes}; send it in parts`);
    return this.#requests.take(kind, peer);
  }

  #fail(ticket: Ticket, code: number): never {
    const kind = this.#requests.kindOf(ticket);
    const peer = this.#requests.peerOf(ticket);
    this.#requests.giveBack(ticket);
    const operation =
      kind === kinds.gather
        ? "gathering from all machines"
        : kind === kinds.send
          ? `sending to machine ${peer}`
          : `receiving from machine ${peer}`;
    throw failure(code, operation, this.#calls);
  }
}
