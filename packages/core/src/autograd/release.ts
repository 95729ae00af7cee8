// Finds the nodes behind a result, and frees what they hold when nobody will walk them again.
import { GradientError, ReleasedError } from "../errors.ts";
import type { Node, Pass, Tensor } from "../tensor.ts";

/**
 * All nodes that computed `roots`, newest first; only those recorded as number `start` or later.
 *
 * @throws ReleasedError if one of them was released
 */
export function nodesBehind(roots: readonly Tensor[], start = 0): Node[] {
  const found = new Set<Node>();
  const pending = roots.flatMap(({ node }) => node ?? []);
  for (let node = pending.pop(); node; node = pending.pop()) {
    if (found.has(node) || node.order < start) continue;
    if (node.released) {
      throw new ReleasedError(
        `backward: the graph behind this result (${node.op}) was released by an earlier backward; pass { retainGraph: true } there`,
      );
    }
    found.add(node);
    for (let index = 0; index < node.inputs.length; index++) {
      const behind = node.inputs[index]!.node;
      if (behind && node.differentiable(index)) pending.push(behind);
    }
  }
  return [...found].sort((a, b) => b.order - a.order);
}

/** Tensors inside a graph that belong to the user: differentiated inputs, and gradients. */
const handedOut = new WeakSet<Tensor>();

/** Protects `tensors` from the release of graphs that contain them. */
export function handOut(tensors: Iterable<Tensor>): void {
  for (const tensor of tensors) handedOut.add(tensor);
}

function giveBack(tensor: Tensor): void {
  if (!tensor.kept && !handedOut.has(tensor)) tensor.dispose("backward()");
}

function walkedAlready(): never {
  throw new GradientError("backward: this node was released");
}

/**
 * Frees what `nodes` hold: their results, and everything that recorded backward passes made and walked. Cuts the links,
 * so that a result that the user collects does not keep the graph behind it alive.
 */
export function releaseNodes(nodes: readonly Node[]): void {
  for (const node of nodes) {
    if (node.released) continue;
    const { inputs, pass } = node;
    node.released = true;
    node.inputs = [];
    node.vjp = walkedAlready;
    node.segment = null;
    node.pass = null;
    for (const input of inputs) if (input.constant) input.dispose("backward()");
    giveBack(node.output);
    if (pass) releasePass(pass);
  }
}

function releasePass(pass: Pass): void {
  const { nodes, tensors } = pass;
  pass.nodes = [];
  pass.tensors = [];
  releaseNodes(nodes);
  for (const tensor of tensors) {
    if (tensor.node) releaseNodes([tensor.node]);
    giveBack(tensor);
  }
}
