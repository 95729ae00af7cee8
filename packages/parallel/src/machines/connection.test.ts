// What machines say to each other, driven by hand on a clock that the test moves.
import { Storage } from "@shardgrad/core/engine";
import { afterEach, expect, it } from "vitest";
import { SimulatedNetwork } from "../../testing/simulated-network.ts";
import { MachineError } from "../errors.ts";
import { Connection } from "./connection.ts";
import type { Waiting } from "./news.ts";

const silenceMs = 2000;
let nowMs = 0;
const kept: Storage[] = [];

afterEach(() => {
  nowMs = 0;
  for (const storage of kept.splice(0)) storage.release();
});

/** Machines that have just connected. */
function connect(machines: number): Connection[] {
  const network = new SimulatedNetwork({ nowMs: () => nowMs, random: () => 0.5 }, machines);
  return Array.from(
    { length: machines },
    (_, machine) => new Connection(network.transport(machine), { nowMs: () => nowMs, silenceMs }),
  );
}

function place(bytes: number): number {
  const storage = Storage.allocate(bytes, "test");
  storage.retain();
  kept.push(storage);
  return storage.offset;
}

/** Lets all go on in turns, `everyMs` apart, until all have ended. */
function drive(waiting: readonly Waiting<unknown>[], everyMs = 10, mostMs = 60_000): unknown[] {
  const found: unknown[] = waiting.map(() => undefined);
  for (const endMs = nowMs + mostMs; found.includes(undefined) && nowMs < endMs; nowMs += everyMs)
    waiting.forEach((each, machine) => {
      if (found[machine] !== undefined) return;
      try {
        const { done, value } = each.next();
        if (done) found[machine] = value ?? true;
      } catch (error) {
        found[machine] = error;
      }
    });
  return found;
}

const share = (connection: Connection) =>
  connection.share([0, 1].map(() => [{ address: place(8), bytes: 8 }]));

it("time in which a machine itself has slept does not count", () => {
  const [first, second] = connect(2) as [Connection, Connection];
  drive([share(first), share(second)]);
  nowMs += 100 * silenceMs;
  expect(() => first.look()).not.toThrow();
  expect(drive([first.leave(), second.leave()])).toEqual([true, true]);
});

it("a machine that says nothing is noticed", () => {
  const [first] = connect(2) as [Connection];
  const [error] = drive([share(first)]);
  expect(error).toBeInstanceOf(MachineError);
  expect(String(error)).toContain("train: machine 1 gives no sign of life for 2 s");
});

it("a machine that leaves while another one waits for it is noticed by both", () => {
  const [first, second] = connect(2) as [Connection, Connection];
  function* waitAndTell(): Waiting<string> {
    try {
      yield* share(first);
      return "";
    } catch (error) {
      yield* first.fail((error as Error).message);
      return (error as Error).message;
    }
  }
  const [told, heard] = drive([waitAndTell(), second.leave()]);
  expect(told).toMatch(/^train: machine 1 has ended its part of the run, and machine 0 still waits for it; /);
  expect((heard as Error).message).toBe(told);
});

it("one that leaves first does not disturb those that have all they wait for", () => {
  const all = connect(3);
  function* late(connection: Connection): Waiting {
    for (const startedMs = nowMs; nowMs - startedMs < 3 * silenceMs; ) {
      connection.look();
      yield "network";
    }
    yield* connection.leave();
  }
  expect(drive([all[0]!.leave(), all[1]!.leave(), late(all[2]!)])).toEqual([true, true, true]);
});

it("an error is told whole, and one that is too long ends between two characters", () => {
  for (const text of ["short", `${"ä".repeat(900)}; do this`, "€".repeat(3000)]) {
    const [first, second] = connect(2) as [Connection, Connection];
    const [, heard] = drive([first.fail(text), share(second)]);
    const { message } = heard as Error;
    if (text.length < 1000) expect(message).toBe(text);
    else expect(message).toMatch(/^€{670,}…$/);
  }
});

it("others wait for the last words of a machine that says it is alive", () => {
  const [first, second] = connect(2) as [Connection, Connection];
  function* savesFirst(): Waiting<boolean> {
    for (const startedMs = nowMs; nowMs - startedMs < 20_000; ) {
      first.sayAlive();
      yield "network";
    }
    return yield* first.fail("the reason");
  }
  expect(drive([savesFirst(), second.fail("its own")])).toEqual([false, true]);
  // And not for one that is gone.
  const [, alone] = connect(2) as [Connection, Connection];
  expect(drive([alone.fail("its own")])).toEqual([false]);
});
