// The messages of TensorBoard's event files, as far as a run writes them: a schema for @bufbuild/protobuf. The numbers
// and types of the fields are those of https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto.
import { create, createFileRegistry, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
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

const numbers = new Map(schema.fields.map(({ name, number }) => [name, number]));
const fieldOf = (name: string): number => numbers.get(name)!;

/** What an event file has. */
export type EventContent =
  | { case: "fileVersion"; value: string }
  /** Numbers by tag. */
  | { case: "summary"; value: { value: { tag: string; value: { case: "simpleValue"; value: number } }[] } }
  | { case: "sessionLog"; value: { status: number } };

/**
 * Encodes events that have numbers of the same tags, many a second: the schema encodes the first one, and the numbers of
 * the others are put into its bytes. Messages that follow each other are one message, by the format.
 */
export class NumbersEncoder {
  readonly #summary: Uint8Array;
  readonly #places: readonly number[];

  constructor(tags: readonly string[]) {
    const encoded = (simpleValue: number) => {
      const value = tags.map((tag) => ({ tag, value: { case: "simpleValue" as const, value: simpleValue } }));
      // What is 0 is left out: nothing but the summary.
      return encodeEvent(0, 0, { case: "summary", value: { value } });
    };
    // Two numbers that differ in each of their four bytes show where numbers are.
    const [ones, twos] = [0x01010101, 0x02020202].map((bits) => encoded(floatOf(bits)));
    const differing = [...ones!.keys()].filter((at) => ones![at] !== twos![at]);
    this.#places = differing.filter((_, i) => i % 4 === 0);
    this.#summary = ones!;
  }

  /** Numbers in the order of the tags. */
  encode(wallTime: number, step: number, numbers: readonly number[]): Uint8Array {
    const head = new BinaryWriter()
      .tag(fieldOf("wall_time"), WireType.Bit64)
      .double(wallTime)
      .tag(fieldOf("step"), WireType.Varint)
      .int64(step)
      .finish();
    const bytes = new Uint8Array(head.length + this.#summary.length);
    bytes.set(head);
    bytes.set(this.#summary, head.length);
    const view = new DataView(bytes.buffer, head.length);
    for (const [i, place] of this.#places.entries()) view.setFloat32(place, numbers[i]!, true);
    return bytes;
  }
}

function floatOf(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0]!;
}

/** An event as bytes. `wallTime` is in seconds since 1970. */
export function encodeEvent(wallTime: number, step: number, what: EventContent): Uint8Array {
  return toBinary(schema, create(schema, { wallTime, step: BigInt(step), what } as never));
}
