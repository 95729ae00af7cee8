// Every form of the vector instructions that have a method of their own: moves, and what mask and integer registers take.
import type { Asm } from "../src/assembler/asm.ts";
import type { Mask2, Mask3, Move } from "../src/assembler/forms.ts";
import { masks, moves } from "../src/assembler/forms.ts";
import type { Width } from "../src/assembler/operands.ts";
import type { EncodeCase } from "./encode-case.ts";
import { Operands, pointer, r32, r64, vectorName } from "./encode-case.ts";

const scalarNames = { vmovss: 4, vmovsd: 8 } as const;

function wholeMoves(operands: Operands): EncodeCase[] {
  return (Object.keys(moves) as Move[]).flatMap((name) =>
    ([16, 32, 64] as const).flatMap((width) => {
      const isEvex = width === 64 || name.startsWith("vmovdq");
      return [8, 16, 32].flatMap((most): EncodeCase[] => {
        const [d, s, k] = [operands.next(most), operands.next(most), 1 + operands.next(7)];
        const [x, y] = [vectorName(width, d), vectorName(width, s)];
        const { place, text } = operands.place(most === 32 || isEvex ? width : 1);
        const there = pointer(width, text);
        return [
          { text: `${name} ${x},${y}`, emit: (asm) => asm[name](width, d, s) },
          { text: `${name} ${x},${there}`, emit: (asm) => asm[name](width, d, place) },
          { text: `${name} ${there},${x}`, emit: (asm) => asm[name](width, place, d) },
          { text: `${name} ${x}{k${k}},${y}`, emit: (asm) => asm[name](width, d, s, { k }) },
          {
            text: `${name} ${x}{k${k}}{z},${there}`,
            emit: (asm) => asm[name](width, d, place, { k, z: true }),
          },
          { text: `${name} ${there}{k${k}},${x}`, emit: (asm) => asm[name](width, place, d, { k }) },
        ];
      });
    }),
  );
}

function scalarMoves(operands: Operands): EncodeCase[] {
  return [8, 16, 32].flatMap((most) =>
    (Object.keys(scalarNames) as (keyof typeof scalarNames)[]).flatMap((name): EncodeCase[] => {
      const bytes = scalarNames[name];
      const x = operands.next(most);
      const { place, text } = operands.place(bytes);
      return [
        { text: `${name} xmm${x},${pointer(bytes, text)}`, emit: (asm) => asm[name](x, place) },
        { text: `${name} ${pointer(bytes, text)},xmm${x}`, emit: (asm) => asm[name](place, x) },
      ];
    }),
  );
}

/** Tails and choices of AVX, which has no mask registers. */
function avxMasks(operands: Operands): EncodeCase[] {
  return ([16, 32] as const).flatMap((width) =>
    [8, 16].flatMap((most): EncodeCase[] => {
      const [d, a, b, mask] = [
        operands.next(most),
        operands.next(most),
        operands.next(most),
        operands.next(most),
      ];
      const v = (n: number) => vectorName(width, n);
      const { place, text } = operands.place();
      const there = pointer(width, text);
      const g = operands.integer();
      return [
        {
          text: `vmaskmovps ${v(d)},${v(mask)},${there}`,
          emit: (asm) => asm.vmaskmovps(width, d, mask, place),
        },
        {
          text: `vmaskmovps ${there},${v(mask)},${v(d)}`,
          emit: (asm) => asm.vmaskmovps(width, place, mask, d),
        },
        {
          text: `vblendvps ${v(d)},${v(a)},${v(b)},${v(mask)}`,
          emit: (asm) => asm.vblendvps(width, d, a, b, mask),
        },
        {
          text: `vblendvps ${v(d)},${v(a)},${there},${v(mask)}`,
          emit: (asm) => asm.vblendvps(width, d, a, place, mask),
        },
        { text: `vmovmskps ${r32(g)},${v(a)}`, emit: (asm) => asm.vmovmskps(width, g, a) },
      ];
    }),
  );
}

function integerMoves(operands: Operands): EncodeCase[] {
  return [8, 16, 32].flatMap((most): EncodeCase[] => {
    const [x, a, k] = [operands.next(most), operands.next(most), 1 + operands.next(7)];
    const g = operands.integer();
    const four = operands.place(4);
    const eight = operands.place(8);
    const single = pointer(4, four.text);
    const double = pointer(8, eight.text);
    return [
      { text: `vmovd xmm${x},${r32(g)}`, emit: (asm) => asm.vmovd(x, g) },
      { text: `vmovd ${r32(g)},xmm${x}`, emit: (asm) => asm.vmovd(g, x) },
      { text: `vmovd xmm${x},${single}`, emit: (asm) => asm.vmovd(x, four.place) },
      { text: `vmovd ${single},xmm${x}`, emit: (asm) => asm.vmovd(four.place, x) },
      { text: `vmovq xmm${x},${r64(g)}`, emit: (asm) => asm.vmovq(x, g) },
      { text: `vmovq ${r64(g)},xmm${x}`, emit: (asm) => asm.vmovq(g, x) },
      { text: `vmovq xmm${x},${double}`, emit: (asm) => asm.vmovq(x, eight.place) },
      { text: `vmovq ${double},xmm${x}`, emit: (asm) => asm.vmovq(eight.place, x) },
      { text: `vcvttsd2si ${r64(g)},xmm${x}`, emit: (asm) => asm.vcvttsd2si(g, x) },
      { text: `vcvttsd2si ${r64(g)},${double}`, emit: (asm) => asm.vcvttsd2si(g, eight.place) },
      { text: `vcvttss2si ${r64(g)},xmm${x}`, emit: (asm) => asm.vcvttss2si(g, x) },
      { text: `vcvttss2si ${r64(g)},${single}`, emit: (asm) => asm.vcvttss2si(g, four.place) },
      { text: `vcvtsi2sd xmm${x},xmm${a},${r64(g)}`, emit: (asm) => asm.vcvtsi2sd(x, a, g) },
      { text: `vcvtsi2sd xmm${x},xmm${a},${double}`, emit: (asm) => asm.vcvtsi2sd(x, a, eight.place) },
      { text: `vcvtsi2ss xmm${x},xmm${a},${r64(g)}`, emit: (asm) => asm.vcvtsi2ss(x, a, g) },
      { text: `vcvtsi2ss xmm${x},xmm${a},${double}`, emit: (asm) => asm.vcvtsi2ss(x, a, eight.place) },
      ...([16, 32, 64] as const satisfies readonly Width[]).flatMap((width): EncodeCase[] => [
        {
          text: `vpbroadcastd ${vectorName(width, x)},${r32(g)}`,
          emit: (asm) => asm.vpbroadcastdFrom(width, x, g),
        },
        {
          text: `vpbroadcastd ${vectorName(width, x)}{k${k}}{z},${r32(g)}`,
          emit: (asm) => asm.vpbroadcastdFrom(width, x, g, { k, z: true }),
        },
      ]),
    ];
  });
}

function maskOperations(operands: Operands): EncodeCase[] {
  const names = Object.keys(masks) as (Mask2 | Mask3)[];
  const [d, a, b] = [operands.next(8), operands.next(8), operands.next(8)];
  const emit = (name: Mask2 | Mask3) => (asm: Asm) =>
    masks[name].operands === 3 ? asm.k3(name as Mask3, d, a, b) : asm.k2(name as Mask2, d, a);
  const register = operands.integer();
  const { place, text } = operands.place();
  return [
    ...names.map((name) => ({
      text: `${name} k${d},k${a}${masks[name].operands === 3 ? `,k${b}` : ""}`,
      emit: emit(name),
    })),
    ...[{ n: 1 }, register, { n: 9 }].flatMap((g): EncodeCase[] => [
      { text: `kmovw k${d},${r32(g)}`, emit: (asm) => asm.kmovw(d, g) },
      { text: `kmovw ${r32(g)},k${d}`, emit: (asm) => asm.kmovw(g, d) },
    ]),
    { text: `kmovw k${d},k${a}`, emit: (asm) => asm.kmovw(d, a) },
    { text: `kmovw k${d},word ptr ${text}`, emit: (asm) => asm.kmovw(d, place) },
    { text: `kmovw word ptr ${text},k${d}`, emit: (asm) => asm.kmovw(place, d) },
    { text: `kshiftrw k${d},k${a},8`, emit: (asm) => asm.kshiftrw(d, a, 8) },
    { text: "vzeroupper", emit: (asm) => asm.vzeroupper() },
  ];
}

export function moveCases(): EncodeCase[] {
  const operands = new Operands(2);
  return [wholeMoves, scalarMoves, avxMasks, integerMoves, maskOperations].flatMap((cases) =>
    cases(operands),
  );
}
