// Names the sample of the data set for an error about a place in a batch, such as a label that is not a class. A batch
// is a shuffled shard, so its places mean nothing to users. Knows nothing of where sets lie.
import type { IndexError } from "@shardgrad/core";

/** The samples of a batch, for a search. */
export interface LoadedSamples {
  part: "train" | "test";
  /** The number of each in the whole set. */
  rows: Int32Array;
  columns: readonly {
    name: string;
    /** Whether the batch holds int32. */
    integers: boolean;
    /** Its numbers in the sample with number `row` of the set and `place` of the batch. */
    numbers: (row: number, place: number) => ArrayLike<number>;
  }[];
}

/** The first integer column in which a sample has the value, and where. */
function findValue({ rows, columns }: LoadedSamples, place: number, value: number) {
  for (const { name, integers, numbers } of columns) {
    if (!integers) continue;
    const own = numbers(rows[place]!, place);
    const number = Array.prototype.indexOf.call(own, value);
    if (number >= 0) return { place, name, number, of: own.length };
  }
  return undefined;
}

/**
 * The error with its place in terms of the data set, if that can be determined. The rows of a batch are its samples. If
 * the job has merged or swapped axes, it is a sample that has the value; the one at that place, if it has it.
 */
export function nameSample(error: IndexError, loaded: LoadedSamples): IndexError {
  const { value, place, shape } = error;
  const { rows, part } = loaded;
  const size = shape.reduce((product, length) => product * length, 1);
  const likely = Math.floor(place / (size / rows.length));
  const places = shape[0] === rows.length ? [likely] : [likely, ...rows.keys()];
  const found = places.map((at) => findValue(loaded, at, value)).find((column) => column !== undefined);
  const sample = (at: number) => `in sample ${rows[at]} of dataset.${part}`;
  if (found) {
    const which = found.of === 1 ? "" : `, number ${found.number} of ${found.of}`;
    return error.at(`${sample(found.place)} (column ${found.name}${which})`);
  }
  return places.length === 1 ? error.at(sample(likely)) : error;
}
