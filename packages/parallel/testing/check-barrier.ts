// Explores the barrier further than the tests do: node --max-old-space-size=8000 testing/check-barrier.ts Takes
// minutes. Prints the counts for barrier.md; if a rule is broken, fails with the path to that state.
import { BarrierModel } from "./barrier-model.ts";
import { byCoordinator, byWorkers } from "./barrier-runs.ts";
import { explore } from "./model-checker.ts";

const runs = {
  "3 ranks, 2 rounds, no two states taken for one": byWorkers(3, 2, { exact: true }),
  "3 ranks, 4 rounds, 2 looks before sleeping": byWorkers(3, 4, { spin: 2 }),
  "4 ranks, 2 rounds, 1 look before sleeping": byWorkers(4, 2, { spin: 1 }),
  "2 workers and the main thread, 2 steps": byCoordinator(2, 2),
};

for (const [name, options] of Object.entries(runs)) console.log(name, explore(new BarrierModel(options)));
