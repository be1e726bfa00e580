import { constants, generateKeyPairSync, privateDecrypt } from "node:crypto";
import { once } from "node:events";
import https from "node:https";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { LOCALHOST } from "./certificate.ts";

/**
 * As much of Exasol's WebSocket API as a login of `ada` with `correct horse` and one question need, with TLS and the schema `SHOP`. Anything
 * else ends the connection.
 */
export interface FakeExasol {
  port: number;
  /** How many passwords were sent, right or wrong. */
  logins(): number;
  close(): Promise<void>;
}

const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
const { n = "", e = "" } = publicKey.export({ format: "jwk" });
const hex = (text: string) => Buffer.from(text, "base64url").toString("hex");

export async function startFakeExasol(refusal?: string): Promise<FakeExasol> {
  let logins = 0;
  const server = https.createServer(LOCALHOST).listen(0, "127.0.0.1");
  await once(server, "listening");
  const sockets = new WebSocketServer({ server, perMessageDeflate: false });
  sockets.on("connection", (socket) => serve(socket, refusal, () => ++logins));
  return {
    port: (server.address() as AddressInfo).port,
    logins: () => logins,
    async close() {
      for (const socket of sockets.clients) socket.terminate();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

interface Message {
  command?: string;
  protocolVersion?: number;
  sqlText?: string;
  username?: string;
  password?: string;
  attributes?: { currentSchema?: string };
}

const REFUSED = (sqlCode: string) => ({ status: "error", exception: { sqlCode, text: "no secret of the server's" } });
const OK = (responseData: object) => ({ status: "ok", responseData });

function serve(socket: WebSocket, refusal: string | undefined, count: () => void): void {
  let state: "NEW" | "ASKED" | "IN" = "NEW";
  const answerTo = (message: Message): object | null => {
    if (state === "NEW" && message.command === "login" && message.protocolVersion === 3) {
      state = "ASKED";
      return OK({ publicKeyModulus: hex(n), publicKeyExponent: hex(e) });
    }
    if (state === "ASKED" && typeof message.username === "string") {
      count();
      const refused = whyNot(message) ?? refusal;
      if (refused) return REFUSED(refused);
      state = "IN";
      return OK({ sessionId: 1, protocolVersion: 3, databaseName: "DB" });
    }
    if (state === "IN" && message.command === "disconnect") return OK({});
    if (state !== "IN" || message.command !== "execute" || message.sqlText !== "SELECT 1") return null;
    const resultSet = { numColumns: 1, numRows: 1, numRowsInMessage: 1, columns: [{ name: "1" }], data: [[1]] };
    return OK({ numResults: 1, results: [{ resultType: "resultSet", resultSet }] });
  };
  socket.on("message", (text) => {
    const answer = answerTo(JSON.parse(String(text)));
    if (answer) socket.send(JSON.stringify(answer));
    else socket.terminate();
  });
}

function whyNot({ username, password = "", attributes }: Message): string | null {
  const key = { key: privateKey, padding: constants.RSA_PKCS1_PADDING };
  const clear = privateDecrypt(key, Buffer.from(password, "base64")).toString();
  if (username !== "ada" || clear !== "correct horse") return "08004";
  return ["SHOP", undefined].includes(attributes?.currentSchema) ? null : "42000";
}
