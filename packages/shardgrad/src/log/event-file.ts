// A TensorBoard event file: records of events, each framed by lengths and checksums (TFRecord).
//
//   length (uint64) · masked CRC-32C of these 8 bytes · event · masked CRC-32C of the event
import { closeSync, openSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import type { EventContent } from "./event-messages.ts";
import { encodeEvent, NumbersEncoder } from "./event-messages.ts";
import { GrowingBytes } from "./growing-bytes.ts";

/** TFRecord's mask, as a checksum of bytes that contain their own checksum is weak. */
function masked(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** The length and its checksum, by length: most events of a run have the same. */
const heads = new Map<number, Uint8Array>();

function headFor(length: number): Uint8Array {
  let head = heads.get(length);
  if (!head) {
    head = new Uint8Array(12);
    const view = new DataView(head.buffer);
    view.setBigUint64(0, BigInt(length), true);
    view.setUint32(8, masked(head.subarray(0, 8)), true);
    heads.set(length, head);
  }
  return head;
}

const sum = new Uint8Array(4);
const sumView = new DataView(sum.buffer);

const sessionStart = 1;

/** Files of one process in one second. */
let files = 0;

export class EventFile {
  readonly #file: number;
  readonly #encoders = new Map<string, { names: readonly string[]; encoder: NumbersEncoder }>();
  readonly #next = new GrowingBytes();

  /** @param resumedAt steps done, if the run continues another file: TensorBoard then forgets what that has beyond. */
  constructor(folder: string, resumedAt: number | undefined) {
    const now = Date.now() / 1000;
    // TensorBoard reads the files of a folder in the order of their names.
    const seconds = String(Math.floor(now)).padStart(10, "0");
    const number = String(files++).padStart(4, "0");
    const name = `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${number}`;
    this.#file = openSync(join(folder, name), "wx");
    this.#add(now, 0, { case: "fileVersion", value: "brain.Event:2" });
    if (resumedAt !== undefined)
      this.#add(now, resumedAt + 1, { case: "sessionLog", value: { status: sessionStart } });
  }

  /** Numbers with their names, at a step; the tags are the kind and the name. */
  add(
    kind: string,
    timeMs: number,
    step: number,
    { names, values }: { names: readonly string[]; values: readonly number[] },
  ): void {
    let known = this.#encoders.get(kind);
    // All rows of a kind have the same names, or nearly all: an epoch may lack a metric.
    if (known?.names.length !== names.length || !known.names.every((name, i) => name === names[i])) {
      known = { names, encoder: new NumbersEncoder(names.map((name) => `${kind}/${name}`)) };
      this.#encoders.set(kind, known);
    }
    this.#frame(known.encoder.encode(timeMs / 1000, step, values));
  }

  flush(): void {
    this.#next.writeTo(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }

  #add(wallTime: number, step: number, what: EventContent): void {
    this.#frame(encodeEvent(wallTime, step, what));
  }

  #frame(event: Uint8Array): void {
    this.#next.add(headFor(event.length));
    this.#next.add(event);
    sumView.setUint32(0, masked(event), true);
    this.#next.add(sum);
  }
}
