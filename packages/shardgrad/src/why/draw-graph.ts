// From the language of Graphviz to SVG, by Graphviz itself, compiled to WebAssembly.
import { Graphviz } from "@hpcc-js/wasm-graphviz";

/** Loads Graphviz; the result draws. */
export async function graphDrawer(): Promise<(dot: string) => string> {
  const graphviz = await Graphviz.load();
  return (dot) => {
    const svg = graphviz.dot(dot);
    const element = svg.slice(svg.indexOf("<svg"));
    const points = Number(/width="(\d+)pt"/.exec(element)?.[1]);
    return `<div class="graph">${points > 500 ? element.replace("<svg", "<svg data-wide") : element}</div>`;
  };
}
