// The seven sections, in the order of the page.
import type { Findings } from "../measure.ts";
import { graphsSection } from "./graphs.ts";
import { layersSection } from "./layers.ts";
import { nudgingSection } from "./nudging.ts";
import { oneByOneSection } from "./one-by-one.ts";
import { oneStepSection } from "./one-step.ts";
import { raceSection } from "./race.ts";
import type { Section } from "./section.ts";
import { slopesSection } from "./slopes.ts";

/** @param draw makes SVG of Graphviz's language */
export function sectionsOf(findings: Findings, draw: (dot: string) => string): Section[] {
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
