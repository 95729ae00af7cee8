// Advice must follow from the numbers: each test changes one number and looks at what is said.
import { expect, it } from "vitest";
import { measuredRows } from "../../testing/measured-rows.ts";
import { adviceOf, speedupWithBatch } from "./advice.ts";

const machine = { cores: 8, trainSamples: 100_000, wantsBlas: false };

it("advises the fewest workers that are as fast as any", () => {
  const rows = measuredRows({
    1: { compute: 8 },
    2: { compute: 4 },
    4: { compute: 2 },
    8: { compute: 1.98 },
  });
  const [first] = adviceOf(rows, machine);
  expect(first).toBe(
    "4 workers: 4.00 times the samples per second of one (4.00 – 4.00), 2.00 ms a step in place of 8.00",
  );
  expect(adviceOf(measuredRows({ 1: { compute: 8 }, 2: { compute: 8 } }), { ...machine, cores: 2 })[0]).toBe(
    "1 worker: more are not faster here",
  );
});

it("does not take more workers than cores for faster", () => {
  const rows = measuredRows({ 1: { compute: 8 }, 2: { compute: 4 }, 4: { compute: 3 } });
  expect(adviceOf(rows, { ...machine, cores: 2 })[0]).toMatch(/^2 workers: /);
});

it("names what costs most, and the batch that would make more workers worth it", () => {
  const rows = measuredRows({ 1: { compute: 4 }, 8: { compute: 0.5, barrier: 0.5 } });
  const advice = adviceOf(rows, machine);
  // 4 × the batch: 16 ms alone, 2.5 ms on eight: 6.4 times = 80 % of 8.
  expect(speedupWithBatch(rows[0] as never, rows[1] as never, 4)).toBe(6.4);
  expect(advice[1]).toBe(
    "8 workers lose most to the barrier, 0.500 of 1.00 ms a step: a batch of 512 would make 8 worth it (it has 128)",
  );
  // There are not so many samples.
  const few = adviceOf(rows, { ...machine, trainSamples: 300 });
  expect(few[1]).toMatch(/: by these numbers no larger batch would make 8 worth it$/);
  // With all of it computing, there is nothing to say.
  expect(adviceOf(measuredRows({ 1: { compute: 4 }, 8: { compute: 0.5 } }), machine)).toHaveLength(1);
});

it("does not promise that a larger batch helps if computing itself is slower", () => {
  const rows = measuredRows({ 1: { compute: 4 }, 8: { compute: 1 } });
  expect(adviceOf(rows, machine)[1]).toBe(
    "8 workers lose most to slower computing, 0.500 of 1.00 ms a step: by these numbers no larger batch would make 8 worth it",
  );
});

it("names shards that do not divide", () => {
  const rows = measuredRows({ 1: { compute: 4 }, 3: { compute: 4 / 3, uneven: 2 / 3 } }).map((each) => ({
    ...each,
    shards: 4,
  }));
  expect(adviceOf(rows, { ...machine, cores: 3 })[1]).toMatch(
    /: 4 shards do not divide by 3; pin a multiple of 3$/,
  );
});

it("says when the machine itself is the limit, and what splitting costs", () => {
  const [alone, eight] = measuredRows({ 1: { compute: 4 }, 8: { compute: 1 } });
  const limited = [alone!, { ...eight!, limit: { median: 4, min: 4, max: 4 } }];
  expect(adviceOf(limited, machine)).toContainEqual(
    expect.stringMatching(/^8 threads that share nothing gain only 4.00 times one here/),
  );
  const undivided = { ...alone!, mode: "undivided" as const, speedup: { median: 1.25, min: 1.2, max: 1.3 } };
  const rows = [...measuredRows({ 1: { compute: 4 }, 2: { compute: 2 } }), undivided];
  expect(adviceOf(rows, { ...machine, cores: 2 })).toContainEqual(
    "one worker is 25 % faster with the batch in one shard than in 8; against that, 2 are 1.60 times as fast",
  );
});

it("advises one worker with one shard where splitting costs more than workers bring", () => {
  const rows = measuredRows({ 1: { compute: 4 }, 2: { compute: 3.2 } });
  const undivided = { ...rows[0]!, mode: "undivided" as const, speedup: { median: 2.5, min: 2, max: 3 } };
  expect(adviceOf([...rows, undivided], { ...machine, cores: 2 })[0]).toBe(
    "1 worker, with the batch in one shard: 2.00 times as fast as 2 workers with 8 shards, which are too short to pay",
  );
});

it("suggests more workers, a BLAS, or a quiet machine only where the numbers do", () => {
  const rows = measuredRows({ 1: { compute: 4 }, 2: { compute: 2 } });
  expect(adviceOf(rows, machine)).toContain("this machine has 8 cores: measure more workers, up to 8");
  expect(adviceOf(rows, { ...machine, cores: 2, wantsBlas: true })).toContain(
    "install a BLAS: 100 % of a step is computing, now on WebAssembly",
  );
  const waiting = measuredRows({ 1: { compute: 1, update: 3 }, 2: { compute: 0.5, update: 1.5 } });
  expect(adviceOf(waiting, { ...machine, cores: 2, wantsBlas: true }).join()).not.toContain("BLAS");
  const disturbed = { ...rows[0]!, msPerStep: { median: 4, min: 4, max: 6 } };
  expect(adviceOf([disturbed], { ...machine, cores: 1 }).at(-1)).toMatch(
    /^one worker's rounds differ by 50 %/,
  );
});

it("says nothing where nothing was measured", () => expect(adviceOf([], machine)).toEqual([]));
