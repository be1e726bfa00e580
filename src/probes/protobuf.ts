import { OTHER_KIND } from "./meanings.ts";

/** Protocol Buffers' wire format (protobuf.dev/programming-guides/encoding), as far as small messages of numbers and texts need it. */

type Fields = Readonly<Record<number, number | string | Buffer | undefined>>;

const [VARINT, FIXED64, BYTES, FIXED32] = [0, 1, 2, 5];

/** By the fields' numbers; a message within is its bytes. */
export function encodeMessage(fields: Fields): Buffer {
  const parts = Object.entries(fields).map(([id, value]) => {
    if (value === undefined) return Buffer.alloc(0);
    if (typeof value === "number") return Buffer.concat([varint((Number(id) << 3) | VARINT), varint(value)]);
    const bytes = Buffer.from(value as string);
    return Buffer.concat([varint((Number(id) << 3) | BYTES), varint(bytes.byteLength), bytes]);
  });
  return Buffer.concat(parts);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let left = value;
  for (; left > 127; left = Math.floor(left / 128)) bytes.push((left % 128) | 128);
  return Buffer.from([...bytes, left]);
}

/** A field's last value by its number. Throws a ProbeError for what is no message. */
export function decodeMessage(bytes: Buffer): ReadonlyMap<number, number | Buffer> {
  const fields = new Map<number, number | Buffer>();
  let at = 0;
  const take = (count: number): Buffer => {
    if (at + count > bytes.byteLength) throw OTHER_KIND;
    at += count;
    return bytes.subarray(at - count, at);
  };
  const number = (): number => {
    let value = 0;
    for (let factor = 1; factor < 2 ** 70; factor *= 128) {
      const byte = take(1)[0]!;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
    throw OTHER_KIND;
  };
  const field = (type: number): number | Buffer => {
    if (type === VARINT) return number();
    if (type === BYTES) return take(number());
    if (type === FIXED32 || type === FIXED64) return take(type === FIXED32 ? 4 : 8);
    throw OTHER_KIND;
  };
  while (at < bytes.byteLength) {
    const tag = number();
    fields.set(Math.floor(tag / 8), field(tag % 8));
  }
  return fields;
}
