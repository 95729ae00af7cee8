// A worker that hangs on one of several machines, where all others of its machine wait; and what machines do not agree on.
// Failed runs keep their address space, so these have a process of their own.
import { expect, test } from "vitest";
import { simulateMachines } from "../../testing/simulated-machines.ts";

const run = { seed: 3, feature: "plain", workers: [1, 2], steps: 40 } as const;

test.each([
  ["as it comes to a barrier, while the link waits for it in another one", 24],
  ["while the link waits for its gradients", 28],
])("%s", async (_, move) => {
  const [first, second] = await simulateMachines({
    ...run,
    fault: { machine: 1, rank: 0, move, kind: "hang" },
  });
  expect(first!.error?.message).toMatch(
    /^train: machine 1: worker 0 failed in step \d \(barrier\): no sign of life for 2 s/,
  );
  expect(second!.error?.message).toMatch(/^train: machine 1: worker 0 failed in step \d \(barrier\)/);
});

test("a metric that is another one on each machine", async () => {
  const [first, second] = await simulateMachines({ ...run, feature: "unlike scores" });
  const message =
    /^train: (machine 1: .*)?after step \d+, machine 1 has \d+ for calls, machine 0 \d+; does this metric depend on the machine\?$/;
  expect(first!.error?.message).toMatch(message);
  expect(second!.error?.message).toMatch(message);
  expect([first!.isToldElsewhere, second!.isToldElsewhere]).toEqual([false, true]);
});
