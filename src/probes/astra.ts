import https from "node:https";
import type net from "node:net";
import tls from "node:tls";
import { type ByteReader, createByteReader } from "./bytes.ts";
import { fileOf, textOf } from "./fields.ts";
import { OTHER_KIND } from "./meanings.ts";
import { openSocket } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";
import { unzip } from "./unzip.ts";

/**
 * DataStax Astra: the bundle's certificates open a service that names a proxy and the database's nodes, and through the proxy a node speaks
 * Cassandra's native protocol, version 4. Cassandra's driver would read the bundle from a file's path only.
 */
export const family: ProbeFamily = {
  async probe({ values }) {
    const bundle = bundleOf(fileOf(values, "secureConnectBundle") ?? Buffer.alloc(0));
    const { proxy, node } = await placeOf(bundle);
    const [, host = "", port = ""] = /^(.+):(\d+)$/.exec(proxy) ?? [];
    const checkServerIdentity = (_node: string, certificate: tls.PeerCertificate) => tls.checkServerIdentity(host, certificate);
    // The node's name is for the proxy, which has a certificate for its own.
    const secure = { ...bundle.secure, servername: node, checkServerIdentity };
    const socket = await openSocket({ host, port: Number(port), secure });
    try {
      const line = { socket, reader: createByteReader(socket) };
      await signIn(line, `\0token\0${textOf(values, "token") ?? ""}`);
      const keyspace = textOf(values, "keyspace");
      if (keyspace !== undefined) await query(line, `USE "${keyspace.replaceAll('"', '""')}"`);
      await query(line, "SELECT release_version FROM system.local");
    } finally {
      socket.destroy();
    }
  },
};

interface Bundle {
  host: string;
  port: number;
  secure: tls.ConnectionOptions;
}

const MAX_BUNDLE_BYTES = 1024 * 1024;

function bundleOf(archive: Buffer): Bundle {
  try {
    const files = unzip(archive, MAX_BUNDLE_BYTES);
    const { host, port } = JSON.parse(String(files.get("config.json")));
    const material = { ca: files.get("ca.crt"), cert: files.get("cert"), key: files.get("key") };
    tls.createSecureContext(material);
    if (typeof host !== "string" || !Number.isInteger(port) || !material.ca) throw UNREADABLE;
    return { host, port, secure: { ...material, minVersion: "TLSv1.2", rejectUnauthorized: true } };
  } catch {
    throw UNREADABLE;
  }
}

/** What the bundle's own service tells. */
async function placeOf(bundle: Bundle): Promise<{ proxy: string; node: string }> {
  const { status, text } = await metadata(bundle);
  if (status === 401 || status === 403) throw new ProbeError("INVALID_CREDENTIALS");
  if (status !== 200) throw ASLEEP;
  try {
    const { contact_info: info } = JSON.parse(text);
    const [proxy, node] = [info.sni_proxy_address, info.contact_points[0]];
    if (typeof proxy === "string" && typeof node === "string") return { proxy, node };
  } catch {
    // Said below.
  }
  throw OTHER_KIND;
}

const MAX_METADATA_BYTES = 256 * 1024;

/** Not by `fetch`, whose connections are shared and have no certificate of a client's. */
function metadata({ host, port, secure }: Bundle): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    const request = https.get({ ...secure, host, port, path: "/metadata", agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
        if (text.length > MAX_METADATA_BYTES) request.destroy(OTHER_KIND);
      });
      response.on("end", () => resolve({ status: response.statusCode, text }));
      response.on("error", reject);
    });
    request.on("error", reject);
  });
}

interface Line {
  socket: net.Socket;
  reader: ByteReader;
}

const OP = { error: 0, startup: 1, ready: 2, authenticate: 3, query: 7, result: 8, challenge: 14, response: 15, success: 16 };

async function ask({ socket, reader }: Line, opcode: number, ...parts: Buffer[]): Promise<{ opcode: number; body: Buffer }> {
  const body = Buffer.concat(parts);
  socket.write(Buffer.concat([Buffer.from([4, 0, 0, 0, opcode]), int32(body.byteLength), body]));
  const head = await reader.read(9);
  if (head[0] !== 0x84) throw OTHER_KIND;
  const answer = { opcode: head[4]!, body: await reader.read(head.readInt32BE(5)) };
  if (answer.opcode === OP.error) throw refusalOf(answer.body.readInt32BE(0));
  return answer;
}

async function signIn(line: Line, login: string): Promise<void> {
  const hello = await ask(line, OP.startup, Buffer.from([0, 1]), text("CQL_VERSION"), text("3.0.0"));
  if (hello.opcode === OP.ready) return;
  if (hello.opcode !== OP.authenticate) throw OTHER_KIND;
  // DataStax's own server wants the mechanism's name first, and asks for the rest.
  const isNamed = hello.body.toString("utf8", 2).startsWith("com.datastax.");
  let answer = await ask(line, OP.response, long(isNamed ? "PLAIN" : login));
  if (answer.opcode === OP.challenge) answer = await ask(line, OP.response, long(login));
  if (answer.opcode !== OP.success) throw OTHER_KIND;
}

async function query(line: Line, cql: string): Promise<void> {
  // At consistency ONE, with no values.
  const { opcode } = await ask(line, OP.query, long(cql), Buffer.from([0, 1, 0]));
  if (opcode !== OP.result) throw OTHER_KIND;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

/** As the protocol has short texts, and long ones or bytes. */
const text = (value: string) => Buffer.concat([int32(value.length).subarray(2), Buffer.from(value)]);
const long = (value: string) => Buffer.concat([int32(Buffer.byteLength(value)), Buffer.from(value)]);

/** Section 9 of the protocol's specification. */
const [BAD_CREDENTIALS, UNAUTHORIZED, INVALID] = [0x0100, 0x2100, 0x2200];

function refusalOf(code: number): ProbeError {
  if (code === BAD_CREDENTIALS) return new ProbeError("INVALID_CREDENTIALS");
  if (code === UNAUTHORIZED) return new ProbeError("PERMISSION_DENIED");
  if (code === INVALID) return NO_KEYSPACE;
  return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error 0x${code.toString(16)}.` });
}

const UNREADABLE = new ProbeError("INVALID_CREDENTIALS", {
  message: "The bundle cannot be read.",
  remedy: "Download the secure connect bundle again, and enter the .zip file as it is.",
});

const ASLEEP = new ProbeError("PROVIDER_ERROR", {
  message: "The database's service does not tell where the database is.",
  remedy: "Check on the database's page that it is active; one that hibernates must be resumed.",
});

const NO_KEYSPACE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such keyspace.",
  remedy: "Check the keyspace's name, in small letters unless it was made in quotes.",
});
