import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Answer } from "./shape-answer.ts";

/** The same request with a body that was already read (and perhaps changed), for a handler that wants to read it itself. */
export function replay(req: IncomingMessage, body: Buffer): IncomingMessage {
  const copy = new IncomingMessage(req.socket);
  copy.method = req.method;
  copy.url = req.url;
  copy.httpVersion = req.httpVersion;
  copy.httpVersionMajor = req.httpVersionMajor;
  copy.httpVersionMinor = req.httpVersionMinor;
  copy.headers = { ...req.headers, "content-length": String(body.length) };
  delete copy.headers["transfer-encoding"];
  copy.complete = true;
  copy.push(body);
  copy.push(null);
  return copy;
}

/** Runs a handler against a response that is kept instead of sent. Header values that are lists are joined. */
export async function bufferAnswer(handler: (res: ServerResponse) => Promise<void>, real: ServerResponse): Promise<Answer> {
  const chunks: Buffer[] = [];
  const res = new ServerResponse(real.req);
  const keep = (chunk: unknown) => {
    if (typeof chunk === "string" || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk as string));
  };
  const ended = new Promise<void>((resolve) => {
    res.write = (chunk: unknown) => {
      keep(chunk);
      return true;
    };
    res.end = (chunk?: unknown) => {
      keep(chunk);
      res.emit("finish");
      resolve();
      return res;
    };
  });
  await handler(res);
  await ended;
  return { status: res.statusCode, headers: flatten(res.getHeaders()), body: Buffer.concat(chunks).toString("utf8") };
}

/** Lengths and connection handling are the sender's business, not the answer's. */
function flatten(headers: OutgoingHttpHeaders): Record<string, string> {
  const kept = Object.entries(headers).filter(([name]) => !["content-length", "connection", "transfer-encoding"].includes(name));
  return Object.fromEntries(kept.map(([name, value]) => [name, Array.isArray(value) ? value.join(", ") : String(value)]));
}
