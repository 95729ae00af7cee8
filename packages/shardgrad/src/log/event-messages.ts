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

/** An event as bytes. `wallTime` is in seconds since 1970. */
export function encodeEvent(wallTime: number, step: number, what: EventContent): Uint8Array {
  return toBinary(schema, create(schema, { wallTime, step: BigInt(step), what } as never));
}
