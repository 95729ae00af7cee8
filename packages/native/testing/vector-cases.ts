// Every form of the vector instructions in the tables of the assembler.

import type { Asm } from "../src/assembler/asm.ts";
import type { EvexOptions } from "../src/assembler/encoder.ts";
import type { Extract, Form, Three, ThreeImmediate, Two, TwoImmediate } from "../src/assembler/forms.ts";
import { bytesRead, extracts, three, threeImmediate, two, twoImmediate } from "../src/assembler/forms.ts";
import type { Mem, Width } from "../src/assembler/operands.ts";
import type { EncodeCase } from "./encode-case.ts";
import { Operands, pointer, vectorName } from "./encode-case.ts";

type Last = number | Mem;
/** How an instruction of a table is called: `a` is the first source of three operands. */
type Emit = (
  asm: Asm,
  width: Width,
  d: number,
  a: number,
  last: Last,
  immediate: number,
  o: EvexOptions,
) => void;

interface Shape {
  readonly three: boolean;
  readonly immediate: boolean;
  emit: Emit;
}

/** One kind of operands: the range of vector registers, whether the last one is in memory, and what EVEX adds. */
interface Kind {
  readonly from: number;
  readonly to: number;
  readonly memory: boolean;
  readonly evex: boolean;
  readonly o: EvexOptions;
}

const kinds: readonly Kind[] = [
  { from: 0, to: 8, memory: false, evex: false, o: {} },
  { from: 0, to: 16, memory: false, evex: false, o: {} },
  { from: 0, to: 16, memory: true, evex: false, o: {} },
  { from: 8, to: 16, memory: true, evex: false, o: {} },
  { from: 16, to: 32, memory: false, evex: true, o: {} },
  { from: 16, to: 32, memory: true, evex: true, o: {} },
  { from: 0, to: 32, memory: false, evex: true, o: { k: 1, z: true } },
  { from: 0, to: 32, memory: true, evex: true, o: { k: 2 } },
  { from: 0, to: 32, memory: true, evex: true, o: { bcast: true } },
  { from: 0, to: 32, memory: true, evex: true, o: { k: 3, bcast: true } },
];

/** Whether an instruction has this kind of operands. */
function has(name: string, form: Form, { memory, evex, o, to }: Kind): boolean {
  if (form.takes !== undefined && (form.takes === "memory") !== memory) return false;
  if (o.bcast && (form.reads || form.whole)) return false;
  if ((o.z && name.endsWith("K")) || (o.k && form.takes === "register")) return false;
  if (form.only === "vex") return !evex;
  // Of 64 bytes, registers up to 15 need EVEX, too.
  return evex || form.only !== "evex" || to === 16;
}

function caseOf(
  name: string,
  form: Form,
  width: Width,
  shape: Shape,
  kind: Kind,
  operands: Operands,
): EncodeCase {
  const { o, memory, from, to } = kind;
  const register = () => from + operands.next(to - from);
  const isMask = name.endsWith("K");
  const d = isMask ? 1 + operands.next(7) : register();
  // Not 0 to 15 for all, where EVEX is meant without anything else that needs it.
  const a = register();
  const immediate = operands.next(form.extension === undefined ? 16 : 32);
  const read = bytesRead(form, width);
  const { place, text } = operands.place(o.bcast ? form.element : read);
  const last = memory ? place : register();
  const usesEvex = width === 64 || kind.evex || form.only === "evex";
  const mnemonic = usesEvex && form.evex ? form.evex.name : name.replace(/K$/, "");
  const masked = `${o.k ? `{k${o.k}}` : ""}${o.z ? "{z}" : ""}`;
  const to_ = isMask ? `k${d}` : vectorName(form.half === "to" ? width / 2 : width, d);
  const source =
    typeof last === "number"
      ? vectorName(read, last)
      : o.bcast
        ? `${text}{1to${read / form.element}}`
        : pointer(read, text);
  const parts = [to_ + masked, ...(shape.three ? [vectorName(width, a)] : []), source];
  if (shape.immediate) parts.push(String(immediate));
  return {
    text: `${mnemonic} ${parts.join(",")}`,
    emit: (asm) => shape.emit(asm, width, d, a, last, immediate, o),
  };
}

function casesOf(name: string, form: Form, shape: Shape, operands: Operands): EncodeCase[] {
  return (form.widths ?? ([16, 32, 64] as const))
    .filter((width) => width < 64 || form.only !== "vex")
    .flatMap((width) =>
      kinds
        .filter((kind) => has(name, form, kind))
        .map((kind) => caseOf(name, form, width, shape, kind, operands)),
    );
}

/** All forms of the instructions in the tables. */
export function vectorCases(): EncodeCase[] {
  const operands = new Operands(1);
  const all = <Name extends string>(table: Record<Name, Form>, shape: (name: Name) => Shape) =>
    (Object.entries(table) as [Name, Form][]).flatMap(([name, form]) =>
      casesOf(name, form, shape(name), operands),
    );
  return [
    ...all<Three>(three, (name) => ({
      three: true,
      immediate: false,
      emit: (asm, width, d, a, last, _, o) => asm.op3(name, width, d, a, last, o),
    })),
    ...all<ThreeImmediate>(threeImmediate, (name) => ({
      three: true,
      immediate: true,
      emit: (asm, width, d, a, last, immediate, o) => asm.op3i(name, width, d, a, last, immediate, o),
    })),
    ...all<Two>(two, (name) => ({
      three: false,
      immediate: false,
      emit: (asm, width, d, _a, last, _, o) => asm.op2(name, width, d, last, o),
    })),
    ...all<TwoImmediate>(twoImmediate, (name) => ({
      three: false,
      immediate: true,
      emit: (asm, width, d, _a, last, immediate, o) => asm.op2i(name, width, d, last, immediate, o),
    })),
    ...extractCases(operands),
  ];
}

function extractCases(operands: Operands): EncodeCase[] {
  return (Object.entries(extracts) as [Extract, Form][]).flatMap(([name, form]) =>
    ((form.widths ?? []) as readonly (32 | 64)[]).flatMap((width) =>
      [false, true].map((memory): EncodeCase => {
        const most = form.only === "vex" ? 16 : 32;
        const [d, s, part] = [operands.next(most), operands.next(most), operands.next(width / form.reads!)];
        const { place, text } = operands.place(form.reads);
        const to = memory ? pointer(form.reads!, text) : vectorName(form.reads!, d);
        return {
          text: `${name} ${to},${vectorName(width, s)},${part}`,
          emit: (asm) => asm.extract(name, width, memory ? place : d, s, part),
        };
      }),
    ),
  );
}
