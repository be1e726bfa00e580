import type net from "node:net";
import type { ConnectionValues } from "../catalogue/types.ts";
import { type ByteReader, createByteReader } from "./bytes.ts";
import { hostsOf, textOf } from "./fields.ts";
import { OTHER_KIND } from "./meanings.ts";
import { decodeMessage, encodeMessage } from "./protobuf.ts";
import { openSocket, tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily, type ProbeInput } from "./types.ts";

/**
 * Apache Pulsar's binary protocol (pulsar.apache.org/docs/developing-binary-protocol), whose driver would open sockets of its own, natively.
 * The broker answers CONNECT once it has let the client in, and then a PING; topics are not looked up, so no other broker is gone to.
 */
export const family: ProbeFamily = {
  async probe(input) {
    const [, scheme, places = ""] = /^(pulsar(?:\+ssl)?):\/\/([^/]*)/.exec(textOf(input.values, "serviceUrl") ?? "") ?? [];
    const isSecure = scheme === "pulsar+ssl";
    const login = await loginOf(input);
    const failures: unknown[] = [];
    for (const { host, port } of hostsOf(places, isSecure ? 6651 : 6650)) {
      try {
        return await askBroker(host, port, isSecure, input.values, login);
      } catch (error) {
        failures.push(error);
      }
    }
    throw new AggregateError(failures);
  },

  meaningOf(error) {
    return error instanceof ProbeError ? error : undefined;
  },
};

interface Login {
  /** How the broker calls the method; undefined: none. */
  method?: string;
  data?: string;
}

async function loginOf(input: ProbeInput): Promise<Login> {
  const { values } = input;
  const kind = textOf(values, "authType") ?? "none";
  if (kind === "token") return { method: "token", data: textOf(values, "token") ?? "" };
  if (kind === "oauth2") return { method: "token", data: await accessToken(input) };
  return kind === "tls" ? { method: "tls", data: "" } : {};
}

async function askBroker(host: string, port: number, isSecure: boolean, values: ConnectionValues, login: Login): Promise<void> {
  const socket = await openSocket({ host, port, ...(isSecure && { secure: tlsWith(host, values) }) });
  try {
    const reader = createByteReader(socket);
    const connect = { 1: "moorline-test", 3: login.data, 4: PROTOCOL, 5: login.method };
    await ask(socket, reader, COMMANDS.connect, encodeMessage(connect), COMMANDS.connected);
    await ask(socket, reader, COMMANDS.ping, Buffer.alloc(0), COMMANDS.pong);
  } finally {
    socket.destroy();
  }
}

/** The version with which a client need not look topics up by HTTP any more; newer brokers know it. */
const PROTOCOL = 12;
/** A command's type is also the number of the field that holds it. */
const COMMANDS = { connect: 2, connected: 3, error: 14, ping: 18, pong: 19, authChallenge: 36 };

/** Frames of a command without a payload: the length of the whole, of the command, and the command. */
async function ask(socket: net.Socket, reader: ByteReader, type: number, body: Buffer, wanted: number): Promise<void> {
  const command = encodeMessage({ 1: type, [type]: body });
  const head = Buffer.alloc(8);
  head.writeUInt32BE(command.byteLength + 4, 0);
  head.writeUInt32BE(command.byteLength, 4);
  socket.write(Buffer.concat([head, command]));
  for (;;) {
    const size = (await reader.read(4)).readUInt32BE(0);
    const frame = await reader.read(size);
    if (size < 4 || frame.readUInt32BE(0) !== size - 4) throw OTHER_KIND;
    const answer = decodeMessage(frame.subarray(4));
    const said = answer.get(1);
    if (said === wanted) return;
    if (said === COMMANDS.error) throw refusalOf(answer.get(COMMANDS.error));
    if (said === COMMANDS.authChallenge) throw OTHER_METHOD;
    // A broker may ask whether we are still there.
    if (said !== COMMANDS.ping) throw OTHER_KIND;
  }
}

const [AUTHENTICATION_ERROR, AUTHORIZATION_ERROR, TOO_MANY_REQUESTS] = [3, 4, 14];

function refusalOf(error: number | Buffer | undefined): ProbeError {
  if (!Buffer.isBuffer(error)) return OTHER_KIND;
  const number = decodeMessage(error).get(2);
  if (number === AUTHENTICATION_ERROR) return REFUSED;
  if (number === AUTHORIZATION_ERROR) return new ProbeError("PERMISSION_DENIED");
  if (number === TOO_MANY_REQUESTS) return new ProbeError("RATE_LIMITED");
  return new ProbeError("PROVIDER_ERROR", { message: `The broker answered with the error ${Number(number)}.` });
}

/** By the client's own secret (RFC 6749 section 4.4), at the token endpoint that the issuer's metadata names. */
async function accessToken({ values, fetch }: ProbeInput): Promise<string> {
  const issuer = URL.parse(textOf(values, "issuerUrl") ?? "");
  if (issuer?.protocol !== "https:" && issuer?.protocol !== "http:") throw NO_ISSUER;
  const metadata = await fetch(`${issuer.href.replace(/\/$/, "")}/.well-known/openid-configuration`);
  const endpoint = metadata.ok ? await member(metadata, "token_endpoint") : undefined;
  // The secret is not sent less safely than the issuer was asked.
  if (!endpoint || !URL.parse(endpoint)?.protocol.startsWith(issuer.protocol.slice(0, -1))) throw NO_ISSUER;
  const form = {
    grant_type: "client_credentials",
    client_id: textOf(values, "clientId") ?? "",
    client_secret: textOf(values, "clientSecret") ?? "",
    ...(values["audience"] !== undefined && { audience: String(values["audience"]) }),
  };
  const answer = await fetch(endpoint, { method: "POST", body: new URLSearchParams(form) });
  if (answer.status === 400 || answer.status === 401 || answer.status === 403) throw NO_TOKEN;
  const token = answer.ok ? await member(answer, "access_token") : undefined;
  if (!token) throw new ProbeError("PROVIDER_ERROR", { message: `The issuer answered with the HTTP status ${answer.status}.` });
  return token;
}

async function member(response: Response, name: string): Promise<string | undefined> {
  const body: unknown = await response.json().catch(() => null);
  const value = (body as Record<string, unknown> | null)?.[name];
  return typeof value === "string" ? value : undefined;
}

const REFUSED = new ProbeError("INVALID_CREDENTIALS", {
  message: "The broker does not accept these credentials.",
  remedy: "Check the kind of authentication, and enter the token or key again.",
});

const OTHER_METHOD = new ProbeError("INVALID_CREDENTIALS", {
  message: "The broker wants another kind of authentication.",
  remedy: "Ask whoever runs the broker which kinds it takes.",
});

const NO_ISSUER = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "The issuer's address does not lead to its metadata.",
  remedy: "Enter the address below which .well-known/openid-configuration lies.",
});

const NO_TOKEN = new ProbeError("INVALID_CREDENTIALS", {
  message: "The issuer gives this client no token.",
  remedy: "Check client ID and audience, and enter the client secret again.",
});
