// A machine of the transport's tests, under mpirun: `exchange.ts main` exchanges messages from the main thread, `worker`
// from another one, `late` does so and machine 1 ends later than the others, and `open` only connects.
// Prints one line of JSON.
import assert from "node:assert/strict";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import type { Launch, Ticket, Transport } from "@shardgrad/parallel/engine";
import { machinesOf } from "@shardgrad/parallel/engine";
import { openTransport } from "../src/index.ts";

const megabyte = 2 ** 20;

// The processes may be more than the cores.
const rest = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 0.05);

/** Each machine sends to the next, and receives from the one before. */
function exchange(transport: Transport, heap: SharedArrayBuffer): void {
  const { machine, machines } = transport;
  const [next, before] = [(machine + 1) % machines, (machine + machines - 1) % machines];
  const bytes = new Uint8Array(heap);
  const words = new Float64Array(heap);
  const finish = (ticket: Ticket) => {
    while (!transport.isDone(ticket)) rest();
  };

  // Large messages, in the order of sending though not in that of waiting.
  const large = 3 * megabyte;
  bytes.fill(machine + 1, 0, large).fill(machine + 101, large, 2 * large);
  const receiving = [2, 3].map((part) => transport.receive(before, 5, part * large, large));
  const sending = [0, 1].map((part) => transport.send(next, 5, part * large, large));
  for (const ticket of [...sending, receiving[1]!, receiving[0]!]) finish(ticket);
  for (const part of [2, 3]) {
    const expected = new Uint8Array(large).fill(part === 2 ? before + 1 : before + 101);
    assert(Buffer.from(heap, part * large, large).equals(expected));
  }

  // Tags find their messages, whatever the order; a message may have no bytes, and a tag may be large.
  words.set([10 + machine, 20 + machine], 0);
  const both = [transport.receive(before, 2, 64, 8), transport.receive(before, 32767, 72, 8)];
  const empty = transport.receive(before, 1, 0, 0);
  for (const ticket of [transport.send(next, 32767, 8, 8), transport.send(next, 1, 0, 0)]) finish(ticket);
  finish(transport.send(next, 2, 0, 8));
  for (const ticket of [...both, empty]) finish(ticket);
  assert.deepEqual([...words.subarray(8, 10)], [10 + before, 20 + before]);

  // Many under way, of one tag: they arrive in order.
  const count = 5000;
  const tickets: Ticket[] = [];
  for (let i = 0; i < count; i++) tickets.push(transport.receive(before, 3, 2 * megabyte + 8 * i, 8));
  for (let i = 0; i < count; i++) {
    words[megabyte / 8 + i] = machine * count + i;
    tickets.push(transport.send(next, 3, megabyte + 8 * i, 8));
  }
  assert.equal(new Set(tickets).size, 2 * count);
  for (const ticket of tickets) finish(ticket);
  for (let i = 0; i < count; i++) assert.equal(words[(2 * megabyte) / 8 + i], before * count + i);

  words[0] = machine ** 2;
  finish(transport.gather(0, 8, 256));
  assert.deepEqual(
    [...words.subarray(32, 32 + machines)],
    Array.from({ length: machines }, (_, i) => i * i),
  );

  // Tickets are used again, and what failed leaves none behind.
  const first = transport.send(next, 4, 0, 8);
  const message = { name: "MpiError", message: /^mpi: sending to machine 99: \S[^\n]*$/ };
  assert.throws(() => transport.send(99, 4, 0, 8), message);
  assert.throws(
    () => transport.receive(before, 4, 0, 2 ** 31),
    /^MpiError: mpi: a message of 2147483648 bytes, /,
  );
  const second = transport.send(next, 4, 0, 8);
  assert(second < 2 * count);
  for (const ticket of [first, second]) finish(ticket);
  assert.throws(() => transport.isDone(first), /^MpiError: mpi: isDone: nothing is under way as /);
  for (const at of [512, 520]) finish(transport.receive(before, 4, at, 8));
}

/** For so long, this machine waits for a message of its own, and lets what is under way go on. */
function linger(transport: Transport, ms: number): void {
  const waiting = transport.receive(transport.machine, 6, 0, 0);
  for (const start = performance.now(); performance.now() - start < ms; rest())
    assert(!transport.isDone(waiting));
  const tickets = [transport.send(transport.machine, 6, 0, 0), waiting];
  for (const ticket of tickets) while (!transport.isDone(ticket)) rest();
}

/** WebAssembly that leaves its memory still throws: `(func (export "load") (param i32) (result i32) … i32.load)`. */
function leaveMemory(): void {
  const bytes =
    "0061736d010000000106016001" + "7f017f03020100050301000107080104" + "6c6f616400000a0901070020002802000b";
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(bytes, "hex")));
  assert.throws(() => (exports.load as (at: number) => number)(-8), WebAssembly.RuntimeError);
}

if (isMainThread) {
  const what = process.argv[2];
  const launch = machinesOf(process.env) ?? { machine: 0, machines: 1 };
  const heap = new SharedArrayBuffer(16 * megabyte);
  try {
    const transport = openTransport(heap, launch);
    const close = () => {
      transport.close();
      assert.throws(
        () => openTransport(heap, launch),
        /^MpiError: mpi: the connection of this process was closed;/,
      );
      const { machine, machines, name } = transport;
      console.log(JSON.stringify({ machine, machines, name }));
    };
    if (what === "worker") {
      const worker = new Worker(new URL(import.meta.url), { workerData: { heap, launch } });
      worker.on("error", (error) => {
        console.error(error);
        process.exit(1);
      });
      worker.on("exit", close);
    } else {
      if (what !== "open") exchange(transport, heap);
      if (what === "late" && launch.machine === 1) linger(transport, 300);
      leaveMemory();
      close();
    }
  } catch (error) {
    console.error((error as Error).message);
    process.exitCode = 1;
  }
} else {
  const { heap, launch } = workerData as { heap: SharedArrayBuffer; launch: Launch };
  exchange(openTransport(heap, launch), heap);
}
