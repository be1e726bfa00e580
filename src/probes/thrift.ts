import type { ByteReader } from "./bytes.ts";
import { OTHER_KIND } from "./meanings.ts";

/** Thrift's binary protocol, strict, as far as calls of small structures need it (thrift/doc/specs/thrift-binary-protocol.md). */

const TYPES = {
  bool: 2,
  byte: 3,
  double: 4,
  i16: 6,
  i32: 8,
  i64: 10,
  string: 11,
  struct: 12,
  map: 13,
  set: 14,
  list: 15,
} as const;

/** A field's type and its bytes. */
export type Encoded = readonly [type: number, bytes: Buffer];
/** What was read: a structure by its fields' numbers, a text or binary as bytes, an i64 as a BigInt. */
export type Value = boolean | number | bigint | Buffer | Struct | Value[];
export interface Struct {
  readonly fields: ReadonlyMap<number, Value>;
}

const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};

export const i32 = (value: number): Encoded => [TYPES.i32, int32(value)];
export const bool = (value: boolean): Encoded => [TYPES.bool, Buffer.from([value ? 1 : 0])];
export const text = (value: string | Buffer): Encoded => {
  const bytes = Buffer.from(value as string);
  return [TYPES.string, Buffer.concat([int32(bytes.byteLength), bytes])];
};

/** By the fields' numbers. */
export function struct(fields: Readonly<Record<number, Encoded>>): Encoded {
  const parts = Object.entries(fields).map(([id, [type, bytes]]) => Buffer.concat([Buffer.from([type, 0, Number(id)]), bytes]));
  return [TYPES.struct, Buffer.concat([...parts, Buffer.from([0])])];
}

const [CALL, REPLY] = [1, 2];
const VERSION = 0x8001;

export function call(name: string, request: Encoded): Buffer {
  return Buffer.concat([Buffer.from([0x80, 0x01, 0, CALL]), text(name)[1], int32(1), struct({ 1: request })[1]]);
}

/** What the call returned. Throws a ProbeError where it is none, or an exception. */
export async function returned(name: string, reader: ByteReader): Promise<Struct> {
  const head = await reader.read(4);
  if (head.readUInt16BE(0) !== VERSION || head[3] !== REPLY) throw OTHER_KIND;
  if ((await readBinary(reader)).toString() !== name) throw OTHER_KIND;
  await reader.read(4);
  const result = structIn((await readStruct(reader, 0)).fields.get(0));
  return result;
}

export function structIn(value: Value | undefined): Struct {
  if (typeof value === "object" && "fields" in value) return value;
  throw OTHER_KIND;
}

export function bytesIn(value: Value | undefined): Buffer {
  if (Buffer.isBuffer(value)) return value;
  throw OTHER_KIND;
}

/** Deeper than any answer of a server that is what it says. */
const MAX_DEPTH = 12;
const MAX_ELEMENTS = 10_000;

async function readStruct(reader: ByteReader, depth: number): Promise<Struct> {
  const fields = new Map<number, Value>();
  for (;;) {
    const type = (await reader.read(1)).readUInt8(0);
    if (type === 0) return { fields };
    const id = (await reader.read(2)).readInt16BE(0);
    fields.set(id, await readValue(type, reader, depth + 1));
  }
}

async function readValue(type: number, reader: ByteReader, depth: number): Promise<Value> {
  if (depth > MAX_DEPTH) throw OTHER_KIND;
  switch (type) {
    case TYPES.bool:
      return (await reader.read(1))[0] === 1;
    case TYPES.byte:
      return (await reader.read(1)).readInt8(0);
    case TYPES.double:
      return (await reader.read(8)).readDoubleBE(0);
    case TYPES.i16:
      return (await reader.read(2)).readInt16BE(0);
    case TYPES.i32:
      return (await reader.read(4)).readInt32BE(0);
    case TYPES.i64:
      return (await reader.read(8)).readBigInt64BE(0);
    case TYPES.string:
      return readBinary(reader);
    case TYPES.struct:
      return readStruct(reader, depth);
    case TYPES.map:
      return readElements(await reader.read(2), reader, depth);
    case TYPES.set:
    case TYPES.list:
      return readElements(await reader.read(1), reader, depth);
    default:
      throw OTHER_KIND;
  }
}

/** A list's elements, or a map's keys and values in turn. */
async function readElements(types: Buffer, reader: ByteReader, depth: number): Promise<Value[]> {
  const count = (await reader.read(4)).readInt32BE(0);
  if (count < 0 || count > MAX_ELEMENTS) throw OTHER_KIND;
  const values: Value[] = [];
  for (let left = count; left > 0; left -= 1) for (const type of types) values.push(await readValue(type, reader, depth + 1));
  return values;
}

async function readBinary(reader: ByteReader): Promise<Buffer> {
  return reader.read((await reader.read(4)).readInt32BE(0));
}
