import { constants, createPublicKey, publicEncrypt } from "node:crypto";
import net from "node:net";
import type tls from "node:tls";
import { WebSocket } from "ws";
import type { ConnectionValues } from "../catalogue/types.ts";
import { numberOf, textOf } from "./fields.ts";
import { OTHER_KIND } from "./meanings.ts";
import { openSocket, tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/**
 * Exasol's WebSocket API, protocol version 3 (github.com/exasol/websocket-api): JSON in frames, always with TLS, and the password encrypted
 * once more with the server's key.
 */
export const family: ProbeFamily = {
  async probe({ values }) {
    const host = textOf(values, "host") ?? "";
    const port = numberOf(values, "port") ?? 8563;
    const socket = await openTrusted(host, port, values);
    const line = await openLine(socket, `ws://${net.isIPv6(host) ? `[${host}]` : host}:${port}`);
    try {
      const key = await line.ask({ command: "login", protocolVersion: 3 });
      await line.ask(loginWith(key, values)).catch(asLogin);
      const { numResults } = await line.ask({ command: "execute", sqlText: "SELECT 1", attributes: {} });
      if (numResults !== 1) throw OTHER_KIND;
    } finally {
      socket.destroy();
    }
  },

  meaningOf(error) {
    if (!(error instanceof Refusal)) return undefined;
    // The state that Exasol has for a wrong user or password, and for nothing else at this moment.
    if (error.state === "08004" || error.state.startsWith("28")) return "INVALID_CREDENTIALS";
    if (error.state === "42500") return "PERMISSION_DENIED";
    return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${error.state}.` });
  },
};

/** Verified as ever, or by the fingerprint alone: such a server has a certificate of its own making. Nothing is sent before. */
async function openTrusted(host: string, port: number, values: ConnectionValues): Promise<net.Socket> {
  const fingerprint = textOf(values, "certificateFingerprint");
  const secure = tlsWith(host, values);
  if (fingerprint === undefined) return openSocket({ host, port, secure });
  const socket = (await openSocket({ host, port, secure: { ...secure, rejectUnauthorized: false } })) as tls.TLSSocket;
  const bare = (text: string | undefined) => text?.replace(/[^0-9a-f]/gi, "").toUpperCase();
  if (bare(socket.getPeerCertificate().fingerprint256) === bare(fingerprint)) return socket;
  socket.destroy();
  throw OTHER_CERTIFICATE;
}

interface Line {
  ask(question: object): Promise<Record<string, unknown>>;
}

function openLine(socket: net.Socket, url: string): Promise<Line> {
  return new Promise((resolve, reject) => {
    const webSocket = new WebSocket(url, { createConnection: () => socket, perMessageDeflate: false, maxPayload: 1 << 20 });
    let waiting: { resolve(answer: Record<string, unknown>): void; reject(error: unknown): void } = { resolve: () => {}, reject };
    webSocket.on("error", (error) => waiting.reject(/^Unexpected server response/.test(error.message) ? OTHER_KIND : error));
    webSocket.on("close", () => waiting.reject(HUNG_UP));
    webSocket.on("message", (text) => {
      try {
        waiting.resolve(dataOf(String(text)));
      } catch (error) {
        waiting.reject(error);
      }
    });
    const ask = (question: object) =>
      new Promise<Record<string, unknown>>((fulfill, refuse) => {
        waiting = { resolve: fulfill, reject: refuse };
        webSocket.send(JSON.stringify(question));
      });
    webSocket.on("open", () => resolve({ ask }));
  });
}

/** What the server refused, by its SQL state; its text is not for us to repeat. */
class Refusal extends Error {
  readonly state: string;

  constructor(state: string) {
    super(state);
    this.state = state;
  }
}

function dataOf(text: string): Record<string, unknown> {
  const { status, responseData = {}, exception } = parsed(text);
  if (status === "ok" && typeof responseData === "object") return responseData as Record<string, unknown>;
  const state = (exception as { sqlCode?: unknown } | undefined)?.sqlCode;
  throw typeof state === "string" && /^[0-9A-Z]{5}$/.test(state) ? new Refusal(state) : OTHER_KIND;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const found: unknown = JSON.parse(text);
    if (typeof found === "object" && found !== null) return found as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw OTHER_KIND;
}

function loginWith({ publicKeyModulus, publicKeyExponent }: Record<string, unknown>, values: ConnectionValues): object {
  const key = publicKey(String(publicKeyModulus), String(publicKeyExponent));
  const password = Buffer.from(textOf(values, "password") ?? "");
  const schema = textOf(values, "schema");
  return {
    username: textOf(values, "username") ?? "",
    password: publicEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, password).toString("base64"),
    useCompression: false,
    clientName: "moorline-test",
    attributes: { autocommit: true, ...(schema !== undefined && { currentSchema: schema }) },
  };
}

/** From two numbers in base 16. */
function publicKey(modulus: string, exponent: string) {
  const encoded = (hex: string) => Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex").toString("base64url");
  try {
    return createPublicKey({ key: { kty: "RSA", n: encoded(modulus), e: encoded(exponent) }, format: "jwk" });
  } catch {
    throw OTHER_KIND;
  }
}

/** The schema is opened with the login: what is not found there is the schema. */
function asLogin(error: unknown): never {
  throw error instanceof Refusal && ["42000", "3F000"].includes(error.state) ? NO_SCHEMA : error;
}

const HUNG_UP = new ProbeError("PROVIDER_ERROR", { message: "The server closed the connection without an answer." });

const NO_SCHEMA = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such schema in the database, or this user may not open it.",
  remedy: "Check the schema's name; one that was made without quotation marks is written in capital letters.",
});

const OTHER_CERTIFICATE = new ProbeError("TLS_ERROR", {
  message: "The server's certificate has another fingerprint.",
  remedy: "Ask whoever runs the database for the SHA-256 fingerprint of its certificate.",
});
