// The points where a worker's step loop pauses, as it yields them: a phase begins, or it waits for others. The driver
// of the loop decides what a pause is: a thread blocks (worker/drive.ts), a simulated run advances virtual time. Only for
// a job that reads ahead the loop also waits for promises, and the thread serves its events meanwhile.
import type { Phase } from "../../errors.ts";
import type { Barrier } from "./barrier.ts";

/**
 * A phase that begins; a barrier to wait at; the disk, until a snapshot being written frees its slot; or a promise, until
 * samples have been read.
 */
export type Pause = Exclude<Phase, "barrier"> | Barrier | "disk" | Promise<void>;

/** A part of the loop, and its result. */
export type Pauses<T = void> = Generator<Pause, T, void>;
