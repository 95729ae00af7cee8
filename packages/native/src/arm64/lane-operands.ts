// What operations on lanes take: registers, and constants, which lie beside the code and are loaded where they are used if
// they have no register.
import type { Value } from "@shardgrad/core/kernels";
import type { Asm } from "./asm.ts";
import type { Constants, Frame } from "./frame.ts";
import { isConstant } from "./needs.ts";

export class LaneOperands {
  readonly #a: Asm;
  readonly #frame: Frame;
  readonly #constants: Constants;

  constructor(a: Asm, frame: Frame, constants: Constants) {
    this.#a = a;
    this.#frame = frame;
    this.#constants = constants;
  }

  /** The register of lanes, into which a constant is loaded if need be: one of the temporaries, which it takes. */
  register(value: Value, temporaries: number[]): number {
    if (!isConstant(value)) return this.#frame.vector(value);
    const resident = this.#frame.residents.get(value);
    if (resident !== undefined) return resident;
    const to = temporaries.pop();
    if (to === undefined) throw new Error("arm64: a constant has no register");
    this.load(to, value);
    return to;
  }

  /** Loads a constant. */
  load(to: number, { type, making }: Value): void {
    if (making.by !== "constant") throw new Error("arm64: no constant");
    const words = type === "v" ? [making.bits] : wordsOf(making.number);
    if (words.every((word) => word === 0)) this.#a.clear(to);
    else this.#a.literal(to, this.#constants.of(...words));
  }

  /** 0, 1, 2, 3. */
  loadLaneNumbers(to: number): void {
    this.#a.literal(to, this.#constants.of(0, 1, 2, 3));
  }
}

const doubleBits = new DataView(new ArrayBuffer(8));

/** The two words of a float64, the lower first. */
function wordsOf(x: number): [number, number] {
  doubleBits.setFloat64(0, x, true);
  return [doubleBits.getInt32(0, true), doubleBits.getInt32(4, true)];
}
