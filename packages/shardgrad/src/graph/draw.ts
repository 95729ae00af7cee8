// A graph as a picture, laid out by Graphviz in WebAssembly.

import type { Graph } from "@shardgrad/core";
import { toDot } from "@shardgrad/core";

/**
 * Draws a graph, such as `graphOf(loss)`: an SVG document.
 *
 * @throws ValueError if it is no graph
 */
export async function drawGraph(graph: Graph): Promise<string> {
  const dot = toDot(graph);
  // Imported here, as workers import this package with their jobs.
  const { Graphviz } = await import("@hpcc-js/wasm-graphviz");
  const graphviz = await Graphviz.load();
  // A picture that is wider than its page shrinks.
  return graphviz.dot(dot, "svg").replace("<svg ", '<svg style="max-width: 100%; height: auto" ');
}
