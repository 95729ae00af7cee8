// Drives a worker's step loop on its own thread: where the loop waits for others, the thread blocks.
import { Barrier, sleepOn } from "../shared/words/barrier.ts";
import type { Control } from "../shared/words/control.ts";
import type { Pauses } from "../shared/words/pauses.ts";
import type { Whereabouts } from "./whereabouts.ts";

export async function drive(loop: Pauses, where: Whereabouts, control: Control): Promise<void> {
  for (const pause of loop) {
    if (pause instanceof Promise) {
      await pause;
      where.beat();
    } else if (pause instanceof Barrier) where.waitAt(pause);
    else if (pause === "disk") {
      sleepOn(control, "checkpointSlot");
      where.beat();
    } else where.enter(pause);
  }
}
