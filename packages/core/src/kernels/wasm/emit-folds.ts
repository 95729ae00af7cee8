// What takes several lanes together: folds and transposes.
import type { FoldName, Value } from "../language/values.ts";
import { lane, simd } from "./instructions.ts";
import type { Site } from "./site.ts";
import { emitLane, shuffle } from "./site.ts";

const foldInstructions: Record<FoldName, number> = {
  addUp: simd["v.add"]!,
  add: simd["v.add"]!,
  mul: simd["v.mul"]!,
  pmin: simd["v.pmin"]!,
  pmax: simd["v.pmax"]!,
  min: simd["v.min"]!,
  max: simd["v.max"]!,
  addWide: simd["d.add"]!,
};

/** 16 virtual lanes: those that are 8 apart meet first, then 4, 2, 1. Vectors hold them in order. */
export function emitFold(site: Site, name: FoldName, values: readonly Value[]) {
  const { code } = site;
  const combine = () => emitLane(code, foldInstructions[name]);
  const tree = (parts: readonly Value[]) => {
    if (parts.length === 1) return site.put(parts[0]!);
    tree(parts.filter((_, i) => i % 2 === 0));
    tree(parts.filter((_, i) => i % 2 === 1));
    combine();
  };
  tree(values);
  if (name === "addUp") return addUp(site);
  const local = site.take("v128");
  const moved = (lanes: readonly number[]) => {
    code.get(local);
    code.get(local);
    shuffle(code, lanes);
  };
  const [halves, neighbours] = [
    [2, 3, 0, 1],
    [1, 0, 3, 2],
  ];
  for (const lanes of name === "addWide" ? [halves!] : [halves!, neighbours!]) {
    code.set(local);
    code.get(local);
    moved(lanes);
    combine();
  }
  // What compares decides by the order of its operands, which is that of the first lane.
  if (name !== "add" && name !== "mul" && name !== "addWide") {
    code.set(local);
    moved([0, 0, 0, 0]);
  }
  site.give("v128", local);
}

/** The sum in float64 of four float32 on the stack, in every lane: those 2 apart first. */
function addUp(site: Site) {
  const { code } = site;
  const local = site.take("v128");
  const again = (lanes: readonly number[]) => {
    code.get(local);
    code.get(local);
    shuffle(code, lanes);
  };
  code.set(local);
  code.get(local);
  emitLane(code, lane.promote);
  again([2, 3, 2, 3]);
  emitLane(code, lane.promote);
  emitLane(code, simd["d.add"]!);
  code.set(local);
  code.get(local);
  again([2, 3, 0, 1]);
  emitLane(code, simd["d.add"]!);
  site.give("v128", local);
}

/** Rows and columns of four variables change places. */
export function emitTranspose(site: Site, locals: readonly number[]): void {
  const { code } = site;
  const [a, b, c, d] = locals as [number, number, number, number];
  const pairs = Array.from({ length: 4 }, () => site.take("v128"));
  const mix = (x: number, y: number, lanes: readonly number[], to: number) => {
    code.get(x);
    code.get(y);
    shuffle(code, lanes);
    code.set(to);
  };
  const [low, high] = [
    [0, 4, 1, 5],
    [2, 6, 3, 7],
  ] as const;
  const [lowAB, lowCD, highAB, highCD] = pairs as [number, number, number, number];
  mix(a, b, low, lowAB);
  mix(c, d, low, lowCD);
  mix(a, b, high, highAB);
  mix(c, d, high, highCD);
  mix(lowAB, lowCD, [0, 1, 4, 5], a);
  mix(lowAB, lowCD, [2, 3, 6, 7], b);
  mix(highAB, highCD, [0, 1, 4, 5], c);
  mix(highAB, highCD, [2, 3, 6, 7], d);
  for (const local of pairs) site.give("v128", local);
}
