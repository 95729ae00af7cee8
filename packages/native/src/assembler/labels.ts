// Places in machine code that others refer to, also before it is known where they are.

/** A place in the code: its offset, or `unbound`. */
export interface Label {
  at: number;
}

export const unbound = -1;
export const newLabel = (): Label => ({ at: unbound });
