// Neighbouring calls that work element by element, in blocks that stay in the first-level cache: all of them for the first
// block, then for the next. What one writes the others read from there. Elements do not depend on others, so the bits are
// the same.
import type { ElementwiseCall } from "./elementwise-calls.ts";
import { elementwiseCall } from "./elementwise-calls.ts";
import type { RecordedStep } from "./recorded-steps.ts";

/** 16 KiB of each array: a call costs some ten nanoseconds, a block some hundred and more. */
const blockElements = 4096;

/** Arrays of 256 KiB: a few smaller ones lie in the second-level cache anyway. */
const leastElements = 65536;

/** What a call touches: an array that is cut, or a number. */
interface Touched {
  readonly address: number;
  /** Bytes of an element; 0 for a number. */
  readonly width: number;
  readonly end: number;
  readonly isWritten: boolean;
}

type Cut = Omit<ElementwiseCall, "cut"> & { readonly cut: NonNullable<ElementwiseCall["cut"]> };

interface CutStep {
  readonly step: RecordedStep;
  readonly call: Cut;
}

function touchedBy({ step: { args }, call: { inputs, output, cut } }: CutStep): Touched[] {
  const touched = (width: number, isWritten: boolean) => (position: number) => {
    const address = args[position]!;
    return { address, width, end: address + (width || 4) * (width ? cut.elements : 1), isWritten };
  };
  return [
    ...inputs.map(touched(4, false)),
    ...cut.bytes.map(touched(1, false)),
    ...cut.single.map(touched(0, false)),
    touched(4, true)(output),
  ];
}

/** Whether two calls may take turns: what one of them writes is the other's at the same elements, or not at all. */
function areIndependent(a: Touched, b: Touched): boolean {
  if (!a.isWritten && !b.isWritten) return true;
  if (a.end <= b.address || b.end <= a.address) return true;
  return a.address === b.address && a.width === b.width && a.width > 0;
}

/** The part of a call from element `from` on. */
function partOf({ step, call: { inputs, output, cut } }: CutStep, from: number): RecordedStep {
  const args = [...step.args];
  for (const position of [...inputs, output]) args[position]! += 4 * from;
  for (const position of cut.bytes) args[position]! += from;
  cut.shorten(args, Math.min(blockElements, cut.elements - from));
  return { ...step, args };
}

function inTurns(chain: readonly CutStep[]): RecordedStep[] {
  if (chain.length < 2) return chain.map(({ step }) => step);
  const parts: RecordedStep[] = [];
  for (let from = 0; from < chain[0]!.call.cut.elements; from += blockElements)
    for (const cutStep of chain) parts.push(partOf(cutStep, from));
  return parts;
}

/** The calls, with those in blocks that are worth it. */
export function computeInBlocks(steps: readonly RecordedStep[]): readonly RecordedStep[] {
  const result: RecordedStep[] = [];
  let chain: CutStep[] = [];
  let touched: Touched[] = [];
  const end = () => {
    result.push(...inTurns(chain));
    [chain, touched] = [[], []];
  };
  for (const step of steps) {
    const call = elementwiseCall(step.name, step.args);
    if (!call?.cut || call.cut.elements < leastElements) {
      end();
      result.push(step);
      continue;
    }
    const next: CutStep = { step, call: { ...call, cut: call.cut } };
    const own = touchedBy(next);
    const joins =
      chain[0]?.call.cut.elements === call.cut.elements &&
      own.every((a) => touched.every((b) => areIndependent(a, b)));
    if (!joins) end();
    chain.push(next);
    touched.push(...own);
  }
  end();
  return result;
}
