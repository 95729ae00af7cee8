// The places where a worker's loop of steps pauses, as it yields them: a phase begins, or it waits for others. Whoever drives
// the loop decides what a pause is: a thread blocks (worker/drive.ts), a simulated run lets virtual time pass.
import type { Phase } from "../errors.ts";
import type { Barrier } from "./barrier.ts";

/** A phase that begins; a barrier to wait at; or the disk, until a snapshot that is being written leaves its slot. */
export type Pause = Exclude<Phase, "barrier"> | Barrier | "disk";

/** A part of the loop, and what it comes to. */
export type Pauses<T = void> = Generator<Pause, T, void>;
