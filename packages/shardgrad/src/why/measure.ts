// All measurements of the page.
import { measureGraphs } from "./graphs.ts";
import { measureLayers } from "./layers.ts";
import { measureNotDifferentiable } from "./not-differentiable.ts";
import { measureNudging } from "./nudging.ts";
import { measureOneByOne } from "./one-by-one.ts";
import { measureOneStep } from "./one-step.ts";
import { measureRace } from "./race.ts";
import { measureSlopes } from "./slopes.ts";

/** Sizes of the measurements, each part with defaults of its own; a test makes them small. */
export interface Sizes {
  oneByOne?: Parameters<typeof measureOneByOne>[0];
  layers?: Parameters<typeof measureLayers>[0];
  race?: Parameters<typeof measureRace>[0];
  notDifferentiable?: Parameters<typeof measureNotDifferentiable>[0];
  oneStep?: Parameters<typeof measureOneStep>[0];
}

/** Measures everything, and tells `begin` what comes next. */
export function measureAll(sizes: Sizes = {}, begin: (what: string) => void = () => {}) {
  const part = <T>(what: string, measure: () => T): T => {
    begin(what);
    return measure();
  };
  return {
    oneByOne: part("nudging every weight", () => measureOneByOne(sizes.oneByOne)),
    layers: part("layer by layer", () => measureLayers(sizes.layers)),
    race: part("gradient-free methods", () => measureRace(sizes.race)),
    notDifferentiable: part("a loss without gradient", () =>
      measureNotDifferentiable(sizes.notDifferentiable),
    ),
    oneStep: part("two passes and an update", () => measureOneStep(sizes.oneStep)),
    nudging: part("nudging by 0.5", measureNudging),
    slopes: part("slopes around a point", measureSlopes),
    graphs: part("graphs", measureGraphs),
  };
}

/** What the page is made from. */
export type Findings = ReturnType<typeof measureAll>;
