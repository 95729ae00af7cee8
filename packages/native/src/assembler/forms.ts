// The vector instructions: how each is encoded. A row is read like the manual's line for it. Whether an instruction takes
// two or three operands, and a byte behind them, is said by its table.
import type { Width } from "./operands.ts";

/** How an instruction is encoded. */
export interface Form {
  /** Opcode map: 1 is 0F, 2 is 0F38, 3 is 0F3A. */
  readonly map: 1 | 2 | 3;
  /** Mandatory prefix: 0 none, 1 is 66, 2 is F3, 3 is F2. */
  readonly prefix: 0 | 1 | 2 | 3;
  readonly opcode: number;
  /** Bytes of an element. 8 sets W under EVEX. */
  readonly element: 4 | 8;
  /** Which encodings there are: VEX is of AVX and AVX2, EVEX of AVX-512. */
  readonly only?: "vex" | "evex";
  /** W under VEX. */
  readonly vexW?: 1;
  /** Bytes of an operand in memory, if they are not those of the whole vector; then EVEX cannot broadcast it, either. */
  readonly reads?: 4 | 8 | 16 | 32;
  /** The vector has half the width: as the operand that is read, or the one that is written. */
  readonly half?: "from" | "to";
  /** The operand that is read has a quarter of the width. */
  readonly quarter?: true;
  /** No broadcast from memory. */
  readonly whole?: true;
  /** The widths that there are, if not 16, 32 and 64. */
  readonly widths?: readonly Width[];
  /** The last operand must be a register, or in memory. */
  readonly takes?: "register" | "memory";
  /** What stands in ModRM in place of the destination, which is then encoded as an operand of its own. */
  readonly extension?: number;
  /** Under EVEX another instruction takes its place: these would need AVX512DQ. */
  readonly evex?: { readonly name: string; readonly opcode: number };
}

/** Bytes of the operand that is read, in memory. */
export function bytesRead({ reads, half, quarter }: Form, width: Width): number {
  if (reads !== undefined) return reads;
  if (quarter) return width / 4;
  return half === "from" ? width / 2 : width;
}

type Rest = Omit<Form, "map" | "prefix" | "opcode" | "element">;

const form = (
  map: Form["map"],
  prefix: Form["prefix"],
  opcode: number,
  element: Form["element"] = 4,
  rest: Rest = {},
): Form => ({ map, prefix, opcode, element, ...rest });

const ps = (opcode: number, rest?: Rest) => form(1, 0, opcode, 4, rest);
const pd = (opcode: number, rest?: Rest) => form(1, 1, opcode, 8, rest);
const ss = (opcode: number) => form(1, 2, opcode, 4, { reads: 4, widths: [4] });
const sd = (opcode: number) => form(1, 3, opcode, 8, { reads: 8, widths: [8] });
const logic = (opcode: number, name: string, integer: number): Form => ({
  ...ps(opcode),
  evex: { name, opcode: integer },
});
const vex = { only: "vex" } as const;
const evex = { only: "evex" } as const;
/** Of those that move lanes between parts of 16 bytes. */
const across = { widths: [32, 64] } as const;

/** d, a, b */
export const three = {
  vaddps: ps(0x58),
  vsubps: ps(0x5c),
  vmulps: ps(0x59),
  vdivps: ps(0x5e),
  vminps: ps(0x5d),
  vmaxps: ps(0x5f),
  vandps: logic(0x54, "vpandd", 0xdb),
  vandnps: logic(0x55, "vpandnd", 0xdf),
  vorps: logic(0x56, "vpord", 0xeb),
  vxorps: logic(0x57, "vpxord", 0xef),
  vunpcklps: ps(0x14),
  vunpckhps: ps(0x15),
  vmovhlps: ps(0x12, { widths: [16], takes: "register" }),
  vmovlhps: ps(0x16, { widths: [16], takes: "register" }),
  vaddpd: pd(0x58),
  vsubpd: pd(0x5c),
  vmulpd: pd(0x59),
  vdivpd: pd(0x5e),
  vminpd: pd(0x5d),
  vmaxpd: pd(0x5f),
  vunpcklpd: pd(0x14),
  vunpckhpd: pd(0x15),
  vaddss: ss(0x58),
  vsubss: ss(0x5c),
  vmulss: ss(0x59),
  vdivss: ss(0x5e),
  vsqrtss: ss(0x51),
  vcvtss2sd: ss(0x5a),
  vaddsd: sd(0x58),
  vsubsd: sd(0x5c),
  vmulsd: sd(0x59),
  vdivsd: sd(0x5e),
  vsqrtsd: sd(0x51),
  vcvtsd2ss: sd(0x5a),
  vfmadd132ps: form(2, 1, 0x98),
  vfmadd213ps: form(2, 1, 0xa8),
  vfmadd231ps: form(2, 1, 0xb8),
  vfnmadd132ps: form(2, 1, 0x9c),
  vfnmadd213ps: form(2, 1, 0xac),
  vfnmadd231ps: form(2, 1, 0xbc),
  vfmadd213ss: form(2, 1, 0xa9, 4, { reads: 4, widths: [4] }),
  vfmadd231ss: form(2, 1, 0xb9, 4, { reads: 4, widths: [4] }),
  vpaddd: form(1, 1, 0xfe),
  vpsubd: form(1, 1, 0xfa),
  vpmulld: form(2, 1, 0x40),
  vpmuludq: form(1, 1, 0xf4, 8),
  vpaddq: form(1, 1, 0xd4, 8),
  vpsubq: form(1, 1, 0xfb, 8),
  vpmaxsd: form(2, 1, 0x3d),
  vpminsd: form(2, 1, 0x39),
  vpcmpeqd: form(1, 1, 0x76, 4, vex),
  vpcmpgtd: form(1, 1, 0x66, 4, vex),
  vpunpckldq: form(1, 1, 0x62),
  vpunpckhdq: form(1, 1, 0x6a),
  vpermd: form(2, 1, 0x36, 4, across),
  vpermps: form(2, 1, 0x16, 4, across),
  vpxord: form(1, 1, 0xef, 4, evex),
  vblendmps: form(2, 1, 0x65, 4, evex),
  vpblendmd: form(2, 1, 0x64, 4, evex),
  // Into a mask register.
  vptestmdK: form(2, 1, 0x27, 4, evex),
} as const satisfies Record<string, Form>;

/** d, a, b, immediate */
export const threeImmediate = {
  vshufps: ps(0xc6),
  vblendps: form(3, 1, 0x0c, 4, vex),
  vpblendd: form(3, 1, 0x02, 4, vex),
  vinsertf128: form(3, 1, 0x18, 4, { ...vex, widths: [32], reads: 16 }),
  vperm2f128: form(3, 1, 0x06, 4, { ...vex, widths: [32] }),
  vcmpps: ps(0xc2, vex),
  vinsertf32x4: form(3, 1, 0x18, 4, { ...evex, ...across, reads: 16 }),
  vinsertf64x4: form(3, 1, 0x1a, 8, { ...evex, widths: [64], reads: 32 }),
  vshuff32x4: form(3, 1, 0x23, 4, { ...evex, ...across }),
  vshuff64x2: form(3, 1, 0x23, 8, { ...evex, ...across }),
  vpternlogd: form(3, 1, 0x25, 4, evex),
  // Into a mask register.
  vcmppsK: ps(0xc2, evex),
  vpcmpdK: form(3, 1, 0x1f, 4, evex),
  vpcmpudK: form(3, 1, 0x1e, 4, evex),
} as const satisfies Record<string, Form>;

/** d, s */
export const two = {
  vsqrtps: ps(0x51),
  vsqrtpd: pd(0x51),
  vcvtdq2ps: ps(0x5b),
  vcvttps2dq: form(1, 2, 0x5b),
  vcvtps2pd: ps(0x5a, { half: "from" }),
  vcvtdq2pd: form(1, 2, 0xe6, 4, { half: "from" }),
  vcvtpd2ps: pd(0x5a, { half: "to" }),
  vpmovzxbd: form(2, 1, 0x31, 4, { quarter: true, whole: true }),
  vbroadcastss: form(2, 1, 0x18, 4, { reads: 4 }),
  vbroadcastsd: form(2, 1, 0x19, 8, { ...across, reads: 8 }),
  vpbroadcastd: form(2, 1, 0x58, 4, { reads: 4 }),
  vbroadcastf128: form(2, 1, 0x1a, 4, { ...vex, widths: [32], reads: 16, takes: "memory" }),
  vbroadcastf32x4: form(2, 1, 0x1a, 4, { ...evex, ...across, reads: 16, takes: "memory" }),
  vptest: form(2, 1, 0x17, 4, vex),
  vtestps: form(2, 1, 0x0e, 4, vex),
} as const satisfies Record<string, Form>;

const shift = (opcode: number, extension: number, element: 4 | 8 = 4) =>
  form(1, 1, opcode, element, { extension });

/** d, s, immediate */
export const twoImmediate = {
  vpslld: shift(0x72, 6),
  vpsrld: shift(0x72, 2),
  vpsrad: shift(0x72, 4),
  vpsllq: shift(0x73, 6, 8),
  vpsrlq: shift(0x73, 2, 8),
  vpshufd: form(1, 1, 0x70),
  vpermilps: form(3, 1, 0x04),
  vpermq: form(3, 1, 0x00, 8, { ...across, vexW: 1 }),
  vroundps: form(3, 1, 0x08, 4, vex),
  vrndscaleps: form(3, 1, 0x08, 4, evex),
  vroundpd: form(3, 1, 0x09, 8, vex),
  vrndscalepd: form(3, 1, 0x09, 8, evex),
} as const satisfies Record<string, Form>;

/** d, s, immediate: a part of s, which d takes or which goes to memory */
export const extracts = {
  vextractf128: form(3, 1, 0x19, 4, { ...vex, widths: [32], reads: 16 }),
  vextractf32x4: form(3, 1, 0x19, 4, { ...evex, ...across, reads: 16 }),
  vextractf64x4: form(3, 1, 0x1b, 8, { ...evex, widths: [64], reads: 32 }),
} as const satisfies Record<string, Form>;

/** Moves of whole vectors: `store` is the opcode in the other direction. */
export const moves = {
  vmovups: { load: ps(0x10, { whole: true }), store: 0x11 },
  vmovaps: { load: ps(0x28, { whole: true }), store: 0x29 },
  vmovdqa32: { load: form(1, 1, 0x6f, 4, { ...evex, whole: true }), store: 0x7f },
  vmovdqu32: { load: form(1, 2, 0x6f, 4, { ...evex, whole: true }), store: 0x7f },
} as const satisfies Record<string, { load: Form; store: number }>;

/** Operations of mask registers on 16 bits: opcode, and whether there are three operands. */
export const masks = {
  kandw: { opcode: 0x41, operands: 3 },
  kandnw: { opcode: 0x42, operands: 3 },
  korw: { opcode: 0x45, operands: 3 },
  kxnorw: { opcode: 0x46, operands: 3 },
  kxorw: { opcode: 0x47, operands: 3 },
  knotw: { opcode: 0x44, operands: 2 },
  kortestw: { opcode: 0x98, operands: 2 },
} as const;

type MaskName<N extends 2 | 3> = {
  [Name in keyof typeof masks]: (typeof masks)[Name]["operands"] extends N ? Name : never;
}[keyof typeof masks];

export type Three = keyof typeof three;
export type ThreeImmediate = keyof typeof threeImmediate;
export type Two = keyof typeof two;
export type TwoImmediate = keyof typeof twoImmediate;
export type Extract = keyof typeof extracts;
export type Move = keyof typeof moves;
export type Mask2 = MaskName<2>;
export type Mask3 = MaskName<3>;
