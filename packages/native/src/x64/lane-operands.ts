// What operations on lanes take: registers, and constants, which lie beside the code and are loaded where an instruction
// cannot read them itself.
import type { Value } from "@shardgrad/core/kernels";
import type { Asm } from "../assembler/asm.ts";
import type { Mem } from "../assembler/operands.ts";
import { isReg } from "../assembler/operands.ts";
import type { Constants, Frame } from "./frame.ts";
import type { Machine } from "./machine.ts";

export const isConstant = ({ making }: Value) => making.by === "constant";

export class LaneOperands {
  readonly #a: Asm;
  readonly #frame: Frame;
  readonly #machine: Machine;
  readonly #constants: Constants;

  constructor(a: Asm, frame: Frame, machine: Machine, constants: Constants) {
    this.#a = a;
    this.#frame = frame;
    this.#machine = machine;
    this.#constants = constants;
  }

  /** The register of lanes, into which a constant is loaded if need be: one of the temporaries, which it takes. */
  register(value: Value, temporaries: number[]): number {
    if (!isConstant(value)) return this.#frame.vector(value);
    const to = temporaries.pop();
    if (to === undefined) throw new Error("x64: a constant has no register");
    this.load(to, value);
    return to;
  }

  /** A second operand: a register, or a constant in memory, which AVX-512 repeats by itself. */
  second(value: Value): [number | Mem, { bcast: true }?] {
    const { making, type } = value;
    if (making.by !== "constant") return [this.#frame.vector(value)];
    if (type === "v")
      return this.#machine.maskRegisters > 0
        ? [this.#constants.of(making.bits), { bcast: true }]
        : [this.#constants.of(making.bits)];
    return [this.#constants.of(...wordsOf(making.number))];
  }

  /** Loads a constant. */
  load(to: number, value: Value): void {
    const [mem, options] = this.second(value);
    if (value.type === "v" && value.making.by === "constant" && value.making.bits === 0)
      this.#a.op3("vxorps", 16, to, to, to);
    else if (options) this.#a.op2("vbroadcastss", this.#machine.width, to, mem as Mem);
    else this.#a.vmovups(this.#machine.width, to, mem);
  }

  /** An integer in every lane. */
  splatInt(value: Value, to: number): void {
    if (value.making.by === "constant")
      this.#a.vmovups(this.#machine.width, to, this.#constants.of(value.making.number));
    else {
      const from = this.#frame.integer(value);
      if (isReg(from)) {
        this.#a.vmovd(to, from);
        this.#a.op2("vpbroadcastd", this.#machine.width, to, to);
      } else this.#a.op2("vpbroadcastd", this.#machine.width, to, from);
    }
  }

  /** An integer as a float64 in every lane. */
  splatWideInt(value: Value, to: number, temporary: number): void {
    const [a, { width }] = [this.#a, this.#machine];
    if (value.making.by === "constant")
      a.vmovups(width, to, this.#constants.of(...wordsOf(value.making.number)));
    else {
      a.vcvtsi2sd(temporary, temporary, this.#frame.integer(value));
      a.op2("vbroadcastsd", width, to, temporary);
    }
  }

  /** Where 0, 1, 2, … are. */
  get laneNumbers(): Mem {
    return this.#constants.of(...Array.from({ length: this.#machine.target.lanes }, (_, i) => i));
  }
}

const doubleBits = new DataView(new ArrayBuffer(8));

/** The two words of a float64, the lower first. */
function wordsOf(x: number): [number, number] {
  doubleBits.setFloat64(0, x, true);
  return [doubleBits.getInt32(0, true), doubleBits.getInt32(4, true)];
}
