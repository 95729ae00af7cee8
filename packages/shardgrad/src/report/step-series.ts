// The numbers of steps in a bounded number of places: neighbours are merged when there are too many. However long a run
// is, a page of it stays small.
import type { ObservedStep } from "@shardgrad/parallel/command";
import type { Maybe, StepColumns } from "./run-data.ts";

/** The most places. */
const mostPlaces = 480;

const names = ["loss", "lr", "gradNorm", "samplesPerSecond", "waitShare"] as const;
type Name = (typeof names)[number];

/** Sums over some consecutive steps, without what is not finite. */
interface Place {
  step: number;
  count: number;
  sums: Record<Name, { sum: number; count: number }>;
}

const newPlace = (): Place => ({
  step: 0,
  count: 0,
  sums: Object.fromEntries(names.map((name) => [name, { sum: 0, count: 0 }])) as Place["sums"],
});

function merge(into: Place, { step, count, sums }: Place): Place {
  into.step = step;
  into.count += count;
  for (const name of names) {
    into.sums[name].sum += sums[name].sum;
    into.sums[name].count += sums[name].count;
  }
  return into;
}

export class StepSeries {
  #places: Place[] = [];
  /** Steps in a full place. */
  #stride = 1;

  /** Adds a step, which stands for those since the last one, too. */
  add(record: ObservedStep): void {
    let place = this.#places.at(-1);
    const first = place ? place.step - place.count : 0;
    if (!place || record.step - first > this.#stride) {
      if (this.#places.length === mostPlaces) this.#thin();
      place = newPlace();
      place.step = record.step - 1;
      this.#places.push(place);
    }
    place.count += record.step - place.step;
    place.step = record.step;
    for (const name of names) {
      if (!Number.isFinite(record[name])) continue;
      place.sums[name].sum += record[name];
      place.sums[name].count++;
    }
  }

  get columns(): StepColumns {
    const column = (name: Name): Maybe[] =>
      this.#places.map(({ sums }) => (sums[name].count === 0 ? null : sums[name].sum / sums[name].count));
    const values = Object.fromEntries(names.map((name) => [name, column(name)])) as Record<Name, Maybe[]>;
    return { step: this.#places.map(({ step }) => step), ...values };
  }

  /** Doubles the stride, once or more often, until there are a quarter fewer places. */
  #thin(): void {
    while (this.#places.length > 0.75 * mostPlaces) {
      this.#stride *= 2;
      const merged: Place[] = [];
      for (const place of this.#places) {
        const last = merged.at(-1);
        if (last && last.count + place.count <= this.#stride) merge(last, place);
        else merged.push(place);
      }
      this.#places = merged;
    }
  }
}
