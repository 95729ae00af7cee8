// The instructions of arm64 that kernels need, as the architecture's manual has them: 32 bits each, with zeros where the
// numbers of registers go. The name says what the operands are: `4s` is a vector of four float32 or int32, `2d` of two
// float64, `16b` of bytes, `s0` and `d0` are the first lane of a vector, `s` and `d` a vector register as one number, `x`
// and `w` an integer register of 64 or 32 bits. The last word of a name counts for all operands that follow.

/** A result and two operands. Those of `fmla` and of what chooses bits (`bsl`, `bit`, `bif`) read their result, too. */
export const three = {
  "fadd.4s": 0x4e20d400,
  "fsub.4s": 0x4ea0d400,
  "fmul.4s": 0x6e20dc00,
  "fdiv.4s": 0x6e20fc00,
  "fmin.4s": 0x4ea0f400,
  "fmax.4s": 0x4e20f400,
  "fmla.4s": 0x4e20cc00,
  /** Times the first lane of the last operand. */
  "fmla.4s.4s.s0": 0x4f801000,
  "fcmeq.4s": 0x4e20e400,
  "fcmge.4s": 0x6e20e400,
  "fcmgt.4s": 0x6ea0e400,
  "fadd.2d": 0x4e60d400,
  "fsub.2d": 0x4ee0d400,
  "fmul.2d": 0x6e60dc00,
  "fdiv.2d": 0x6e60fc00,
  "fcmgt.2d": 0x6ee0e400,
  /** The sums of neighbours: those of the first operand, then those of the second. */
  "faddp.2d": 0x6e60d400,
  "add.4s": 0x4ea08400,
  "sub.4s": 0x6ea08400,
  "mul.4s": 0x4ea09c00,
  "smax.4s": 0x4ea06400,
  "cmeq.4s": 0x6ea08c00,
  "cmgt.4s": 0x4ea03400,
  "add.2d": 0x4ee08400,
  "sub.2d": 0x6ee08400,
  /** Products of 64 bits: of the lower lanes, and of the upper ones. */
  "umull.2d.2s": 0x2ea0c000,
  "umull2.2d.4s": 0x6ea0c000,
  "and.16b": 0x4e201c00,
  "bic.16b": 0x4e601c00,
  "orr.16b": 0x4ea01c00,
  "eor.16b": 0x6e201c00,
  /** By the bits of the result: of the first operand where they are set, else of the second. */
  "bsl.16b": 0x6e601c00,
  /** Puts bits of the first operand into the result where the second has ones; where it has zeros. */
  "bit.16b": 0x6ea01c00,
  "bif.16b": 0x6ee01c00,
  "uzp1.4s": 0x4e801800,
  "uzp2.4s": 0x4e805800,
  "zip1.4s": 0x4e803800,
  "zip2.4s": 0x4e807800,
  "trn1.4s": 0x4e802800,
  "trn2.4s": 0x4e806800,
  "zip1.2d": 0x4ec03800,
  "zip2.2d": 0x4ec07800,
  "add.x": 0x8b000000,
  "sub.x": 0xcb000000,
  "and.x": 0x8a000000,
  "orr.x": 0xaa000000,
  "eor.x": 0xca000000,
  "mul.x": 0x9b007c00,
  "udiv.x": 0x9ac00800,
} as const;

/** A result and one operand. */
export const two = {
  "fsqrt.4s": 0x6ea1f800,
  "fsqrt.2d": 0x6ee1f800,
  /** To an integer in floating point: to the nearest even, down, towards 0. */
  "frintn.4s": 0x4e218800,
  "frintn.2d": 0x4e618800,
  "frintm.4s": 0x4e219800,
  "frintz.4s": 0x4ea19800,
  "scvtf.4s": 0x4e21d800,
  "fcvtzs.4s": 0x4ea1b800,
  "mvn.16b": 0x6e205800,
  /** Exchanges neighbours. */
  "rev64.4s": 0x4ea00800,
  /** The lower lanes as float64, and the upper ones. */
  "fcvtl.2d.2s": 0x0e617800,
  "fcvtl2.2d.4s": 0x4e617800,
  /** float64 as the lower lanes, of which the upper ones become 0, and as the upper lanes. */
  "fcvtn.2s.2d": 0x0e616800,
  "fcvtn2.4s.2d": 0x4e616800,
  /** The largest and the smallest of unsigned lanes. */
  "umaxv.s.4s": 0x6eb0a800,
  "uminv.s.4s": 0x6eb1a800,
  "dup.4s.s0": 0x4e040400,
  "dup.2d.d0": 0x4e080400,
  "dup.4s.w": 0x4e040c00,
  "fcvt.s.d": 0x1e624000,
  "fcvt.d.s": 0x1e22c000,
  "scvtf.d.x": 0x9e620000,
  "fcvtzs.x.d": 0x9e780000,
  "fmov.w.s": 0x1e260000,
} as const;

/** Shifts by a constant: the bits of the instruction, and those of a lane. Those to the right count down. */
export const shifts = {
  "shl.4s": { word: 0x4f005400, bits: 32, isRight: false },
  "ushr.4s": { word: 0x6f000400, bits: 32, isRight: true },
  "sshr.4s": { word: 0x4f000400, bits: 32, isRight: true },
  "shl.2d": { word: 0x4f005400, bits: 64, isRight: false },
  "ushr.2d": { word: 0x6f000400, bits: 64, isRight: true },
  /** With twice as wide lanes of zeros in front. */
  "ushll.8h.8b": { word: 0x2f00a400, bits: 8, isRight: false },
  "ushll.4s.4h": { word: 0x2f00a400, bits: 16, isRight: false },
} as const;

/** Loads and stores at a register plus a constant, and the bytes that they move. */
export const moves = {
  "ldr.x": { word: 0xf9400000, bytes: 8 },
  "str.x": { word: 0xf9000000, bytes: 8 },
  /** 32 bits with their sign. */
  "ldrsw.x": { word: 0xb9800000, bytes: 4 },
  "str.w": { word: 0xb9000000, bytes: 4 },
  "ldrb.w": { word: 0x39400000, bytes: 1 },
  "strb.w": { word: 0x39000000, bytes: 1 },
  "ldr.s": { word: 0xbd400000, bytes: 4 },
  "str.s": { word: 0xbd000000, bytes: 4 },
  "ldr.d": { word: 0xfd400000, bytes: 8 },
  "str.d": { word: 0xfd000000, bytes: 8 },
  "ldr.q": { word: 0x3dc00000, bytes: 16 },
  "str.q": { word: 0x3d800000, bytes: 16 },
} as const;

/** One number in every lane, from the address in a register alone. */
export const splats = { "ld1r.4s": 0x4d40c800, "ld1r.2d": 0x4d40cc00 } as const;

/** One lane of four, at an address that moves on by 4. */
export const laneMoves = { ld1: 0x0ddf8000, st1: 0x0d9f8000 } as const;

/** Two registers to the stack, which grows, and back. */
export const pairs = {
  "stp.x": 0xa9800000,
  "ldp.x": 0xa8c00000,
  "stp.d": 0x6d800000,
  "ldp.d": 0x6cc00000,
} as const;

export type Three = keyof typeof three;
export type Two = keyof typeof two;
export type Shift = keyof typeof shifts;
export type Move = keyof typeof moves;
export type Splat = keyof typeof splats;
export type LaneMove = keyof typeof laneMoves;
export type Pair = keyof typeof pairs;

/** Conditions of jumps and choices, by what `cmp` found for signed numbers; the last bit turns one round. */
export const conditions = { eq: 0, ne: 1, ge: 10, lt: 11, gt: 12, le: 13 } as const;
export type Condition = keyof typeof conditions;

const opposites = { eq: "ne", ne: "eq", ge: "lt", lt: "ge", gt: "le", le: "gt" } as const;
export const opposite = (condition: Condition): Condition => opposites[condition];
