// Thousands of simulated runs; simulation.test.ts shows that what is planted in them is found.
import { expect, test } from "vitest";
import { runSchedules } from "../../testing/simulated-schedules.ts";

test("no schedule of 3,000 does anything wrong", async () => {
  const counts = await runSchedules(1, 3000);
  for (const [kind, count] of Object.entries(counts)) expect(count, kind).toBeGreaterThan(10);
});
