// Where snapshots lie: in shared memory, in a file, or nowhere, and how bytes get there and back. A file takes no memory,
// and no time but that of copying: the system writes it later, if at all. Nowhere: the only slot is the run's arrays
// themselves, which must then not change while somebody reads it. Knows nothing of when.
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { heap } from "@shardgrad/core/engine";
import { SnapshotError } from "../../errors.ts";
import { sliceOf } from "../arrays/slices.ts";

/** Where a run keeps its snapshots. */
export type SnapshotsChoice = "memory" | "disk" | "off";

/** A range of shared memory. */
export interface SharedArray {
  address: number;
  bytes: number;
}

export interface SlotPlan {
  place: SnapshotsChoice;
  arrays: SharedArray[];
  /** Where each slot begins: an address, or a byte of the file. With "off" there is one, which is the arrays. */
  slots: number[];
  /** The file, which each thread opens by itself, and its folder, for errors; only with "disk". */
  file?: { path: string; folder: string } | undefined;
}

/** Which part of the slots is a worker's: its rank, and how many there are. */
export type Share = readonly [rank: number, workers: number];

/** The most to write between two signs of life. */
const mostAtOnce = 2 ** 26;

/** The most of a file that is in memory at a time. */
const pieceBytes = 2 ** 20;

/** Bytes of one slot. */
export function slotBytes(arrays: readonly SharedArray[]): number {
  return arrays.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The parts of a slot that belong to a share: where they are in the arrays, and in the slot. */
function partsOf({ arrays, slots }: SlotPlan, slot: number, [rank, workers]: Share) {
  let begin = slots[slot]!;
  return arrays.map(({ address, bytes }) => {
    const [from, end] = sliceOf(bytes / 4, rank, workers).map((element) => element * 4) as [number, number];
    // Slices are whole cache lines; the last worker takes an array's remainder.
    const to = rank === workers - 1 ? bytes : end;
    const part = { address: address + from, at: begin + from, bytes: to - from };
    begin += bytes;
    return part;
  });
}

/** @throws SnapshotError for what the disk refuses */
function withFile<T>({ file }: SlotPlan, doing: string, body: (opened: number) => T): T {
  const { path, folder } = file!;
  try {
    const opened = openSync(path, "r+");
    try {
      return body(opened);
    } finally {
      closeSync(opened);
    }
  } catch (error) {
    throw new SnapshotError(
      `train: cannot ${doing} snapshots in ${folder}: ${(error as Error).message}; make room there, or set TMPDIR to another folder`,
      { cause: error },
    );
  }
}

/** Fills bytes with those of a file from `at` on. */
function readAll(opened: number, bytes: Uint8Array, at: number): void {
  for (let done = 0; done < bytes.length; ) {
    const piece = bytes.subarray(done, done + mostAtOnce);
    const read = readSync(opened, piece, 0, piece.length, at + done);
    if (read === 0) throw new Error("the file was cut off");
    done += read;
  }
}

function writeAll(opened: number, bytes: Uint8Array, at: number, beat: () => void): void {
  for (let done = 0; done < bytes.length; beat()) {
    const piece = bytes.subarray(done, done + mostAtOnce);
    done += writeSync(opened, piece, 0, piece.length, at + done);
  }
}

const bytesAt = ({ address, bytes }: SharedArray) => heap().uint8.subarray(address, address + bytes);

/** Copies a share of all arrays to a slot. `beat` is a sign of life, for what may take long. */
export function storeSlot(plan: SlotPlan, slot: number, share: Share, beat: () => void): void {
  if (plan.place === "off") return;
  const parts = partsOf(plan, slot, share);
  if (plan.place === "memory") {
    for (const { address, at, bytes } of parts) heap().uint8.copyWithin(at, address, address + bytes);
  } else {
    withFile(plan, "write", (opened) => {
      for (const part of parts) writeAll(opened, bytesAt(part), part.at, beat);
    });
  }
}

/** Overwrites all arrays with a slot. */
export function restoreSlot(plan: SlotPlan, slot: number): void {
  const parts = partsOf(plan, slot, [0, 1]);
  if (plan.place === "memory") {
    for (const { address, at, bytes } of parts) heap().uint8.copyWithin(address, at, at + bytes);
  } else if (plan.place === "disk") {
    withFile(plan, "read", (opened) => {
      for (const part of parts) readAll(opened, bytesAt(part), part.at);
    });
  }
}

/** The bytes of a file, in pieces, all in the same buffer. */
function* filePieces(plan: SlotPlan, at: number, bytes: number): Generator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(bytes, pieceBytes));
  for (let done = 0; done < bytes; done += buffer.length) {
    const piece = buffer.subarray(0, bytes - done);
    withFile(plan, "read", (opened) => readAll(opened, piece, at + done));
    yield piece;
  }
}

/** What a slot has of a range of shared memory, in pieces; of a range that is in no array, what is there. */
export function* bytesInSlot(plan: SlotPlan, slot: number, range: SharedArray): Generator<Uint8Array> {
  const { address, bytes } = range;
  let begin = plan.slots[slot]!;
  for (const array of plan.arrays) {
    const offset = address - array.address;
    if (plan.place !== "off" && offset >= 0 && offset < array.bytes) {
      if (plan.place === "disk") yield* filePieces(plan, begin + offset, bytes);
      else yield bytesAt({ address: begin + offset, bytes });
      return;
    }
    begin += array.bytes;
  }
  yield bytesAt(range);
}
