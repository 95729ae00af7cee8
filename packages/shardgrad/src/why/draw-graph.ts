// From the language of Graphviz to SVG, by Graphviz itself, compiled to WebAssembly.
import { Graphviz } from "@hpcc-js/wasm-graphviz";
import { escaped } from "./format.ts";

/** Makes SVG of a graph in Graphviz's language; the description is for people who cannot see it. */
export type DrawGraph = (dot: string, description: string) => string;

/** Loads Graphviz. */
export async function graphDrawer(): Promise<DrawGraph> {
  const graphviz = await Graphviz.load();
  return (dot, description) => {
    const svg = graphviz.dot(dot);
    const [, points, rest] = /<svg width="(\d+)pt"(.*)/s.exec(svg)!;
    const label = `role="img" aria-label="${escaped(description)}"`;
    const drawn = rest!.replace(">", `><title>${escaped(description)}</title>`);
    return `<div class="graph"><svg ${label}${Number(points) > 500 ? " data-wide" : ""} width="${points}pt"${drawn}</div>`;
  };
}
