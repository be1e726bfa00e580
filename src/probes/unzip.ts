import { inflateRawSync } from "node:zlib";

/** The files of a small ZIP archive by their names (PKWARE's APPNOTE 6.3): stored or deflated. Throws whatever for what is none, or is too large. */
export function unzip(archive: Buffer, maxBytes: number): ReadonlyMap<string, Buffer> {
  const end = archive.lastIndexOf(END_OF_DIRECTORY);
  const files = new Map<string, Buffer>();
  let at = archive.readUInt32LE(end + 16);
  let left = maxBytes;
  for (let count = archive.readUInt16LE(end + 10); count > 0; count -= 1) {
    if (archive.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new TypeError("This is no directory's entry.");
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset));
    const name = archive.toString("utf8", at + 46, at + 46 + nameBytes!);
    const data = archive.subarray(dataOf(archive, archive.readUInt32LE(at + 42))).subarray(0, archive.readUInt32LE(at + 20));
    const file = contentOf(data, archive.readUInt16LE(at + 10), left);
    left -= file.byteLength;
    files.set(name, file);
    at += 46 + nameBytes! + extraBytes! + commentBytes!;
  }
  return files;
}

const END_OF_DIRECTORY = Buffer.from([0x50, 0x4b, 5, 6]);
const DIRECTORY_ENTRY = 0x0201_4b50;
const [STORED, DEFLATED] = [0, 8];

/** A file's own header repeats its name, and has another rest. */
function dataOf(archive: Buffer, header: number): number {
  return header + 30 + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
}

function contentOf(data: Buffer, method: number, maxBytes: number): Buffer {
  if (method === STORED && data.byteLength <= maxBytes) return data;
  if (method === DEFLATED && maxBytes > 0) return inflateRawSync(data, { maxOutputLength: maxBytes });
  throw new TypeError("This cannot be unpacked.");
}
