// Calls machine code for arm64 in a process of its own: an ELF file without any library, which runs where Linux on arm64
// does, or by qemu's emulation of a process. Each array lies between pages that are not there.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Asm, sp } from "../src/arm64/asm.ts";
import type { Label } from "../src/assembler/labels.ts";
import { newLabel } from "../src/assembler/labels.ts";
import { emitArm64Dispatcher } from "../src/call/arm64-dispatcher.ts";

/** An argument: a number, or a place in an array of the call. */
export type Arm64Argument = number | { readonly array: number; readonly offset: number };

export interface Arm64Call {
  /** The offset of the kernel. */
  readonly entry: number;
  readonly arrays: readonly Uint8Array[];
  readonly args: readonly Arm64Argument[];
  /** Which of the arrays is scratch memory; absent for one that nobody looks at. */
  readonly scratch?: number;
  /** Whether arrays end where their pages do; else they begin there. */
  readonly atEnd: boolean;
}

/** What a call leaves behind: the arrays, and the number that it wrote over its first argument. */
export interface Arm64Result {
  readonly arrays: readonly Uint8Array[];
  readonly first: number;
}

const emulator = "qemu-aarch64";
const isNative = process.platform === "linux" && process.arch === "arm64";

function hasEmulator(): boolean {
  if (process.platform !== "linux") return false;
  try {
    execFileSync(emulator, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

/** Whether programs for arm64 run here. */
export const runsArm64: boolean = isNative || hasEmulator();

const page = 4096;
const pages = (bytes: number) => Math.ceil(bytes / page) * page;
const [readExecute, readWrite] = [5, 6];
const sharedScratch = 1 << 18;

interface Segment {
  readonly address: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
}

/** An executable file of segments that begin on pages. */
function elfOf(segments: readonly Segment[], entry: number): Uint8Array {
  const [header, ofSegment] = [64, 56];
  let end = pages(header + ofSegment * segments.length);
  const places = segments.map(({ bytes }) => {
    const at = end;
    end += pages(bytes.length);
    return at;
  });
  const file = new Uint8Array(end);
  const view = new DataView(file.buffer);
  const words = (at: number, ...values: readonly number[]) => {
    for (const [i, value] of values.entries()) view.setBigUint64(at + 8 * i, BigInt(value), true);
  };
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF of 64 bits, little end first
  view.setUint16(16, 2, true); // to run at fixed addresses
  view.setUint16(18, 183, true); // arm64
  view.setUint32(20, 1, true);
  words(24, entry, header);
  view.setUint16(52, header, true);
  view.setUint16(54, ofSegment, true);
  view.setUint16(56, segments.length, true);
  for (const [i, { address, flags, bytes }] of segments.entries()) {
    const at = header + ofSegment * i;
    view.setUint32(at, 1, true); // to be loaded
    view.setUint32(at + 4, flags, true);
    words(at + 8, places[i]!, address, address, bytes.length, bytes.length, page);
    file.set(bytes, places[i]);
  }
  return file;
}

/** Gives out pages, with one between each two that is not there. */
class Pages {
  readonly segments: Segment[] = [];
  #next = 0x10_0000;

  add(bytes: Uint8Array, flags: number): number {
    const address = this.#next;
    this.segments.push({ address, flags, bytes });
    this.#next += pages(bytes.length) + page;
    return address;
  }

  /** An array at one end of its pages. */
  place(array: Uint8Array, atEnd: boolean): number {
    const whole = new Uint8Array(Math.max(page, pages(array.length)));
    const from = atEnd ? whole.length - array.length : 0;
    whole.set(array, from);
    return this.add(whole, readWrite) + from;
  }
}

/** Calls kernels, one after the other. */
export function runArm64(code: Uint8Array, calls: readonly Arm64Call[]): Arm64Result[] {
  const memory = new Pages();
  const codeAt = memory.add(code, readExecute);
  const scratch = memory.add(new Uint8Array(sharedScratch), readWrite);
  const placed = calls.map((call) => {
    const arrays = call.arrays.map((array) => ({
      address: memory.place(array, call.atEnd),
      bytes: array.length,
    }));
    // A list of one kernel, and its arguments.
    const table = new DataView(new ArrayBuffer(8 * (3 + call.args.length + 1)));
    const list = memory.add(new Uint8Array(table.buffer), readWrite);
    const row = list + 24;
    for (const [i, word] of [1, codeAt + call.entry, row].entries())
      table.setBigInt64(8 * i, BigInt(word), true);
    const own = call.scratch === undefined ? scratch : arrays[call.scratch]!.address;
    for (const [i, arg] of [...call.args, own].entries())
      table.setFloat64(
        24 + 8 * i,
        typeof arg === "number" ? arg : arrays[arg.array]!.address + arg.offset,
        true,
      );
    return { list, outputs: [{ address: row, bytes: 8 }, ...arrays] };
  });
  const { asm, start } = programOf(placed);
  const entry = memory.add(asm.finish(), readExecute) + start;
  const output = run(elfOf(memory.segments, entry), placed);
  let at = 0;
  return placed.map(({ outputs }) => {
    const [first, ...arrays] = outputs.map(({ bytes }) => {
      at += bytes;
      return output.slice(at - bytes, at);
    }) as [Uint8Array, ...Uint8Array[]];
    return { first: new Float64Array(first.buffer)[0]!, arrays };
  });
}

interface Placed {
  readonly list: number;
  readonly outputs: readonly { address: number; bytes: number }[];
}

/** What a called function keeps for its caller, besides the stack pointer and x29: integers, and halves of lanes. */
const kept = {
  integers: [19, 20, 21, 22, 23, 24, 25, 26, 27, 28],
  lanes: [8, 9, 10, 11, 12, 13, 14, 15],
} as const;
/** The status of a program that finds one of these changed. */
const changedStatus = 3;

/** Puts numbers into the registers that are kept, and returns what jumps to a label unless they are still there. */
function fillKept(asm: Asm): (changed: Label) => void {
  const [frame, spare] = [29, 9];
  asm.addImmediate(frame, sp, 0);
  for (const register of kept.integers) asm.number(register, register);
  for (const register of kept.lanes) {
    asm.number(spare, register);
    asm.two("scvtf.d.x", register, spare);
  }
  return (changed) => {
    asm.addImmediate(spare, sp, 0);
    asm.compare(spare, frame);
    asm.jumpIf("ne", changed);
    for (const register of kept.integers) {
      asm.compareImmediate(register, register);
      asm.jumpIf("ne", changed);
    }
    for (const register of kept.lanes) {
      asm.two("fcvtzs.x.d", spare, register);
      asm.compareImmediate(spare, register);
      asm.jumpIf("ne", changed);
    }
  };
}

/** Calls the kernels and writes what they leave; then ends. */
function programOf(placed: readonly Placed[]): { asm: Asm; start: number } {
  const asm = new Asm();
  const supervisor = 0xd4000001;
  const [write, exit] = [64, 94];
  const dispatcher = { at: emitArm64Dispatcher(asm) };
  const start = asm.at;
  const system = (call: number, ...args: readonly number[]) => {
    for (const [i, arg] of args.entries()) asm.number(i, arg);
    asm.number(8, call);
    asm.word(supervisor);
  };
  const changed = newLabel();
  const lookAtKept = fillKept(asm);
  for (const { list, outputs } of placed) {
    asm.number(0, list);
    asm.call(dispatcher);
    lookAtKept(changed);
    for (const { address, bytes } of outputs) system(write, 1, address, bytes);
  }
  system(exit, 0);
  asm.bind(changed);
  system(exit, changedStatus);
  return { asm, start };
}

/** Runs the file, and returns its output: of another process, in a buffer of its own. */
function run(file: Uint8Array, placed: readonly Placed[]): Uint8Array {
  const folder = mkdtempSync(join(tmpdir(), "arm64-program-"));
  try {
    const path = join(folder, "program");
    writeFileSync(path, file, { mode: 0o755 });
    const [command, args] = isNative ? [path, []] : [emulator, [path]];
    const { stdout, status, signal, error } = spawnSync(command, args, { maxBuffer: 1 << 28 });
    if (error) throw error;
    const sizes = placed.map(({ outputs }) => outputs.reduce((sum, { bytes }) => sum + bytes, 0));
    const whole = sizes.reduce((sum, size) => sum + size, 0);
    if (status === 0 && stdout.length === whole) return new Uint8Array(stdout);
    let left = stdout.length;
    const call = sizes.findIndex((size) => {
      left -= size;
      return left < 0;
    });
    const why =
      status === changedStatus ? "it changed a register of its caller" : (signal ?? `status ${status}`);
    throw new Error(`the program ended in call ${call}: ${why}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
