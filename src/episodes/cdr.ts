import { CdrWriter } from '@foxglove/cdr';
import type { parse } from '@foxglove/rosmsg';

type Definition = ReturnType<typeof parse>[number];
type Field = Definition['definitions'][number];
type Write = (writer: CdrWriter, value: never) => void;

const utf8 = new TextEncoder();

/** `CdrWriter.string` uses the number of UTF-16 units as the number of bytes, which truncates non-ASCII text. */
function writeString(writer: CdrWriter, text: string): void {
  if (Buffer.byteLength(text) === text.length) return void writer.string(text);
  const bytes = utf8.encode(text);
  writer.sequenceLength(bytes.length + 1);
  writer.uint8Array(bytes).uint8(0);
}

const writeTime = (writer: CdrWriter, { sec, nanosec }: { sec: number; nanosec: number }) =>
  writer.int32(sec).uint32(nanosec);

const SINGLE: Record<string, Write> = {
  uint8: (writer, value) => writer.uint8(value),
  int32: (writer, value) => writer.int32(value),
  uint32: (writer, value) => writer.uint32(value),
  float32: (writer, value) => writer.float32(value),
  float64: (writer, value) => writer.float64(value),
  string: writeString,
  time: writeTime,
  duration: writeTime,
};

const ARRAY: Record<string, Write> = {
  uint8: (writer, values) => writer.uint8Array(values, true),
  float32: (writer, values) => writer.float32Array(values, true),
  float64: (writer, values) => writer.float64Array(values, true),
};

const eachOf =
  (write: Write): Write =>
  (writer, values: never[]) => {
    writer.sequenceLength(values.length);
    for (const value of values) write(writer, value);
  };

/**
 * An encoder from messages of a parsed ROS 2 definition, the first of `definitions`, to CDR bytes. Messages must have
 * every field. Throws for types that no message of an episode has.
 */
export function cdrEncoder(
  definitions: readonly Definition[],
): (message: object, size: number) => Uint8Array {
  const writerOf = ({ type, isComplex, isArray, arrayLength }: Field): Write => {
    const single = isComplex
      ? struct(definitions.find(({ name }) => name === type)!.definitions)
      : SINGLE[type];
    if (!single || arrayLength !== undefined) throw new Error(`no encoder for ${type}`);
    return isArray ? (ARRAY[type] ?? eachOf(single)) : single;
  };
  const struct = (fields: readonly Field[]): Write => {
    const writers = fields.map((field) => [field.name, writerOf(field)] as const);
    return (writer, value: Record<string, never>) => {
      for (const [name, write] of writers) write(writer, value[name]);
    };
  };
  const write = struct(definitions[0].definitions);
  return (message, size) => {
    const writer = new CdrWriter({ size });
    write(writer, message as never);
    return writer.data;
  };
}
