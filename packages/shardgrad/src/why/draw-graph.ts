// From the language of Graphviz to a picture, by Graphviz itself, compiled to WebAssembly.
import type { Picture } from "../plots/picture.ts";

/** Draws a graph in Graphviz's language; the description is for people who cannot see it. */
export type DrawGraph = (dot: string, description: string) => Picture;

/** Loads Graphviz. */
export async function graphDrawer(): Promise<DrawGraph> {
  // Imported here, as every command loads this file.
  const { Graphviz } = await import("@hpcc-js/wasm-graphviz");
  const graphviz = await Graphviz.load();
  return (dot, description) => {
    const svg = graphviz.dot(dot);
    const [, width, height, content] = /<svg width="(\d+)pt" height="(\d+)pt"[^>]*>(.*)<\/svg>/s.exec(svg)!;
    return {
      kind: "drawing",
      description,
      width: Number(width),
      height: Number(height),
      // Lines between its elements would end the HTML that stands in Markdown, and comments name nodes by number.
      content: content!.replace(/<!--.*?-->\n?/gs, "").trim(),
    };
  };
}
