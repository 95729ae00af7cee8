// The messages of TensorBoard's event files, as far as a run writes them: a schema for @bufbuild/protobuf. The numbers
// and types of the fields are those of https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto.
import { create, createFileRegistry, toBinary } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";

interface Field {
  name: string;
  number: number;
  type: Type;
  label?: Label;
  typeName?: string;
  /** The only oneof of its message. */
  oneofIndex?: number;
}

const message = (name: string, field: readonly Field[], oneof?: string) => ({
  name,
  field: [...field],
  ...(oneof !== undefined && { oneofDecl: [{ name: oneof }] }),
});

const file = create(FileDescriptorProtoSchema, {
  name: "event.proto",
  package: "tensorboard",
  syntax: "proto3",
  messageType: [
    message(
      "Event",
      [
        { name: "wall_time", number: 1, type: Type.DOUBLE },
        { name: "step", number: 2, type: Type.INT64 },
        { name: "file_version", number: 3, type: Type.STRING, oneofIndex: 0 },
        { name: "summary", number: 5, type: Type.MESSAGE, typeName: ".tensorboard.Summary", oneofIndex: 0 },
        {
          name: "session_log",
          number: 7,
          type: Type.MESSAGE,
          typeName: ".tensorboard.SessionLog",
          oneofIndex: 0,
        },
      ],
      "what",
    ),
    message("Summary", [
      {
        name: "value",
        number: 1,
        type: Type.MESSAGE,
        label: Label.REPEATED,
        typeName: ".tensorboard.SummaryValue",
      },
    ]),
    // Summary.Value there; on the wire names are nothing.
    message(
      "SummaryValue",
      [
        { name: "tag", number: 1, type: Type.STRING },
        // A float that is 0 must be written, too: as the only field of a oneof it is.
        { name: "simple_value", number: 2, type: Type.FLOAT, oneofIndex: 0 },
      ],
      "value",
    ),
    // SessionLog.SessionStatus there: 1 is START.
    message("SessionLog", [{ name: "status", number: 1, type: Type.INT32 }]),
  ],
});

const schema = createFileRegistry(file, () => undefined).getMessage("tensorboard.Event")!;

/** What an event file has. */
export type EventContent =
  | { case: "fileVersion"; value: string }
  /** Numbers by tag. */
  | { case: "summary"; value: { value: { tag: string; value: { case: "simpleValue"; value: number } }[] } }
  | { case: "sessionLog"; value: { status: number } };

/** Where the numbers of an event begin, by its format: after a byte for the kind of field. */
const [wallTimeAt, stepAt] = [1, 10];

/** Bytes of a whole number as a varint: 7 bits in each, the lowest first; all but the last have the highest bit set. */
function varintBytes(number: number): number {
  let bytes = 1;
  for (let rest = number; rest >= 128; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/**
 * Encodes events that have numbers of the same tags, many a second: the schema encodes one for each length of steps, and
 * the numbers of the others are put into its bytes.
 */
export class NumbersEncoder {
  readonly #tags: readonly string[];
  #event: Uint8Array = new Uint8Array();
  #view: DataView = new DataView(this.#event.buffer);
  #places: readonly number[] = [];
  #stepBytes = 0;

  constructor(tags: readonly string[]) {
    this.#tags = tags;
  }

  /**
   * An event with numbers in the order of the tags, at a step from 1 on.
   *
   * @returns the same bytes each time, until the next call
   */
  encode(wallTime: number, step: number, numbers: readonly number[]): Uint8Array {
    const stepBytes = varintBytes(step);
    if (stepBytes !== this.#stepBytes) this.#lay(wallTime, step, stepBytes);
    const view = this.#view;
    view.setFloat64(wallTimeAt, wallTime, true);
    let rest = step;
    for (let i = 1; i < stepBytes; i++) {
      this.#event[stepAt + i - 1] = 128 | (rest % 128);
      rest = Math.floor(rest / 128);
    }
    this.#event[stepAt + stepBytes - 1] = rest;
    const places = this.#places;
    for (let i = 0; i < places.length; i++) view.setFloat32(places[i]!, numbers[i]!, true);
    return this.#event;
  }

  #lay(wallTime: number, step: number, stepBytes: number): void {
    const encoded = (simpleValue: number) => {
      const value = this.#tags.map((tag) => ({
        tag,
        value: { case: "simpleValue" as const, value: simpleValue },
      }));
      return encodeEvent(wallTime, step, { case: "summary", value: { value } });
    };
    // Two numbers that differ in each of their four bytes show where numbers are.
    const [ones, twos] = [0x01010101, 0x02020202].map((bits) => encoded(floatOf(bits)));
    const differing = [...ones!.keys()].filter((at) => ones![at] !== twos![at]);
    this.#places = differing.filter((_, i) => i % 4 === 0);
    this.#event = ones!;
    this.#view = new DataView(ones!.buffer, ones!.byteOffset, ones!.length);
    this.#stepBytes = stepBytes;
  }
}

function floatOf(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}

/** An event as bytes. `wallTime` is in seconds since 1970. */
export function encodeEvent(wallTime: number, step: number, what: EventContent): Uint8Array {
  return toBinary(schema, create(schema, { wallTime, step: BigInt(step), what } as never));
}
