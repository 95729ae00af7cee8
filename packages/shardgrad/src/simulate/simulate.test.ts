// A prediction from given measurements: numbers, tables, advice.
import { expect, it } from "vitest";
import { measuredResult, measuredRows } from "../../testing/measured-rows.ts";
import { scalePage } from "../scale/page.ts";
import type { ScaleRow } from "../scale/rows.ts";
import { ethernet, gatherSeconds, sumSeconds } from "./cost-model.ts";
import { simulateMachines } from "./simulate.ts";
import { machinesLines, machinesSection } from "./table.ts";

/** Two workers whose step takes 10 ms and 1 ms for each of its samples. */
const [alone] = measuredRows({ 1: {} });
const part = (batchSize: number): ScaleRow => {
  const ms = 10 + batchSize;
  const spread = { median: ms, min: ms, max: ms };
  return { ...alone!, mode: "part", workers: 2, batchSize, shards: 2, msPerStep: spread, backwardMs: ms / 2 };
};
const result = measuredResult([...measuredRows({ 1: { compute: 138 } }), part(128), part(64), part(16)], {
  parameters: 250_000,
  division: { batchSize: 128, microBatch: 128, workers: 2, shards: null },
});

const only = { machines: [2, 3, 4], bitsPerSecond: [1e9], overlap: false };

it("a step is what a machine measured for its part, and the network's formula on top", () => {
  const { rows, gradientBytes, workers } = simulateMachines(result, only);
  expect({ gradientBytes, workers }).toEqual({ gradientBytes: 1e6, workers: 2 });
  expect(rows.map(({ machines, localMs }) => [machines, localMs])).toEqual([
    [1, 138],
    [2, 74],
    // 43 and 32 samples are between those measured.
    [3, 53],
    [4, 42],
  ]);
  const network = ethernet(1e9, 50e-6);
  const [one, two] = rows;
  const networkMs = 1000 * (gatherSeconds(2, network) + sumSeconds(1e6, [1, 1], network));
  expect(two!.networkMs).toBeCloseTo(networkMs, 9);
  expect(two!.samplesPerSecond).toBeCloseTo(128_000 / (74 + networkMs), 9);
  expect(two!.efficiency).toBeCloseTo(138 / (74 + networkMs) / 2, 9);
  expect(one).toMatchObject({ networkMs: 0, speedup: 1, efficiency: 1 });
});

it("with a batch for each machine, a machine's own work stays", () => {
  const { rows } = simulateMachines(result, { ...only, weak: true });
  const weak = rows.filter(({ mode }) => mode === "weak");
  expect(weak.map(({ batchSize, shards, localMs }) => [batchSize, shards, localMs])).toEqual([
    [128, 2, 138],
    [256, 4, 138],
    [384, 6, 138],
    [512, 8, 138],
  ]);
});

it("overlap makes steps with a large gradient faster, but none faster than computing", () => {
  const large = { ...result, parameters: 5_000_000 };
  const machines = [2, 4, 8];
  const plain = simulateMachines(large, { machines, overlap: false }).rows;
  const overlapped = simulateMachines(large, { machines }).rows;
  for (const [i, row] of overlapped.entries()) {
    expect(row.msPerStep).toBeLessThanOrEqual(plain[i]!.msPerStep);
    expect(row.msPerStep).toBeGreaterThanOrEqual(row.localMs);
  }
  expect(overlapped[1]!.msPerStep).toBeLessThan(plain[1]!.msPerStep);
});

it("stops where the batch cannot be divided, and says why", () => {
  const { rows, refused } = simulateMachines(result);
  expect(Math.max(...rows.map(({ machines }) => machines))).toBe(64);
  expect(refused[0]).toEqual({
    machines: 128,
    reason:
      "128 machines of 2 workers need 256 samples in a batch, and it has 128: take a larger batch, or fewer workers",
  });
  const pinned = { ...result, division: { ...result.division, shards: 8 } };
  expect(simulateMachines(pinned, { machines: [5] }).refused[0]?.reason).toBe(
    "5 machines of 2 workers need 10 shards, and there are 8: pin more, or take fewer workers",
  );
});

it("prints a table for each network, and the advice", () => {
  expect(
    machinesLines(simulateMachines(result, { machines: [2, 4, 128], bitsPerSecond: [1e9, 10e9] }), 80),
  ).toEqual([
    "predicted for several such machines of 2 workers, a gradient of 1.00 MB, a",
    "  latency of 50 µs",
    "",
    "  machines  samples each  computing  network  ms a step  samples/s  efficiency",
    "  1 Gbit/s, the batch shared",
    "         1           128        138        –        138        928       100 %",
    "         2            64       74.0     3.13       77.1      1,660        89 %",
    "         4            32       42.0     4.58       46.6      2,748        74 %",
    "  10 Gbit/s, the batch shared",
    "         1           128        138        –        138        928       100 %",
    "         2            64       74.0    0.577       74.6      1,716        93 %",
    "         4            32       42.0    0.747       42.7      2,994        81 %",
    "",
    "128 machines of 2 workers need 256 samples in a batch, and it has 128: take a",
    "  larger batch, or fewer workers",
    "→ 1 Gbit/s: up to 2 machines have an efficiency of at least 80 %; 4 machines are",
    "  the fastest, 2.96 times one",
    "→ 10 Gbit/s: up to 4 machines have an efficiency of at least 80 %",
  ]);
});

it.each([30, 40, 60, 120])(
  "fits a terminal of %i columns, and always has machines, time and efficiency",
  (columns) => {
    const lines = machinesLines(simulateMachines(result, { weak: true }), columns);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(Math.max(columns, 36));
    expect(lines.find((line) => line.includes("ms a step "))).toMatch(/machines .*ms a step .*efficiency/);
  },
);

it("says which batch would make two machines worth it where none are", () => {
  const quick = { ...result, rows: [part(128), part(2)], parameters: 5_000_000 };
  const { advice } = simulateMachines(quick, { bitsPerSecond: [1e9, 100e9], latencySeconds: 1e-3 });
  expect(advice[0]).toMatch(
    /^1 Gbit\/s: more machines are not faster: the network adds 138 ms to a step of 2 machines, of which one needs 138 ms; a batch of 512 would give two an efficiency of 80 %$/,
  );
});

it("the page has the prediction below what was measured", () => {
  const page = scalePage(result, [machinesSection(simulateMachines(result, only))]);
  for (const words of ["<h2>Several machines</h2>", "1 Gbit/s, the batch shared", "a latency of 50 µs"])
    expect(page).toContain(words);
});

it.each([
  [{ machines: [0] }, "machines is [0], expected a list of integers of at least 1, such as [1, 2, 4]"],
  [
    { bitsPerSecond: 1e9 },
    "bitsPerSecond is 1000000000, expected a list of positive numbers, such as [10e9]",
  ],
  [{ latencySeconds: -1 }, "latencySeconds is -1, expected a number of seconds, such as 50e-6"],
  [{ overlap: "yes" }, 'overlap is "yes", expected true or false'],
  [
    { latency: 1 },
    'there is no option "latency"; there are machines, latencySeconds, bitsPerSecond, weak, overlap',
  ],
])("refuses %j", (options, message) => {
  expect(() => simulateMachines(result, options as never)).toThrow(`simulateMachines: ${message}`);
});

it("refuses a measurement in which no step of so many workers has a time, with its reason", () => {
  const failed = { ...part(128), msPerStep: null, backwardMs: null, reason: "train: no memory" };
  expect(() => simulateMachines({ ...result, rows: [failed] })).toThrow(
    "simulateMachines: no step of 2 workers was measured (train: no memory); measure fewer workers",
  );
});
