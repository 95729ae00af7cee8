// The seven sections, in the order of the page.
import type { DrawGraph } from "../draw-graph.ts";
import type { Findings } from "../measure.ts";
import { graphsSection } from "./graphs.ts";
import { layersSection } from "./layers.ts";
import { nudgingSection } from "./nudging.ts";
import { oneByOneSection } from "./one-by-one.ts";
import { oneStepSection } from "./one-step.ts";
import { raceSection } from "./race.ts";
import type { Section } from "./section.ts";
import { slopesSection } from "./slopes.ts";

export function sectionsOf(findings: Findings, draw: DrawGraph): Section[] {
  return [
    oneByOneSection(findings),
    layersSection(findings),
    raceSection(findings),
    oneStepSection(findings),
    nudgingSection(findings),
    slopesSection(findings),
    graphsSection(findings, draw),
  ];
}
