import { afterEach, expect, it, vi } from "vitest";
import { orderOfRound, runRounds } from "./rounds.ts";

afterEach(() => vi.restoreAllMocks());

const options = { rounds: 3, budgetMs: 1e9, restMs: 0, announce: () => undefined };

/** Entrants that record their turns and take so many milliseconds each. */
function recorded(durations: Record<string, number>) {
  let nowMs = 0;
  vi.spyOn(performance, "now").mockImplementation(() => nowMs);
  const turns: string[] = [];
  const entrants = Object.entries(durations).map(([name, ms]) => ({
    name,
    turn: async (round: number) => {
      nowMs += ms;
      turns.push(`${name}${round}`);
    },
  }));
  return { entrants, turns };
}

it("lets every round begin with another one", () => {
  expect([0, 1, 2, 3].map((round) => orderOfRound(["a", "b", "c"], round).join(""))).toEqual([
    "abc",
    "bca",
    "cab",
    "abc",
  ]);
  expect(orderOfRound([], 5)).toEqual([]);
});

it("interleaves", async () => {
  const { entrants, turns } = recorded({ a: 1, b: 1 });
  await runRounds(entrants, options);
  expect(turns).toEqual(["a0", "b0", "b1", "a1", "a2", "b2"]);
});

it("lets who has used up its time sit out, after one turn at least", async () => {
  const { entrants, turns } = recorded({ slow: 400, slower: 2000, fast: 1 });
  await runRounds(entrants, { ...options, budgetMs: 1000 });
  expect(turns.filter((turn) => turn.startsWith("slow"))).toEqual(["slow0", "slower0", "slow1"]);
  expect(turns.filter((turn) => turn.startsWith("fast"))).toHaveLength(3);
});

it("goes on without who has failed, and tells why", async () => {
  const { entrants, turns } = recorded({ a: 1 });
  const failing = {
    name: "failing",
    turn: async (round: number) => {
      if (round === 1) throw new Error("out of memory");
      turns.push(`failing${round}`);
    },
  };
  const failed = await runRounds([...entrants, failing], options);
  expect(turns).toEqual(["a0", "failing0", "a1", "a2"]);
  expect([...failed].map(([{ name }, { message }]) => [name, message])).toEqual([
    ["failing", "out of memory"],
  ]);
});
