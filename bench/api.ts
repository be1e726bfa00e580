import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serve } from "./process.ts";

/** A third party in a process of its own: an API that answers at once, and a token endpoint that rotates. */
const BODY = JSON.stringify({ id: "42", name: "Ada", text: "t".repeat(400) });
let tokens = 0;

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const answer = request.url === "/token" ? nextTokens() : BODY;
  request.resume().on("end", () => {
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(answer) }).end(answer);
  });
});
server.listen(0, "127.0.0.1");

function nextTokens(): string {
  tokens += 1;
  return JSON.stringify({ access_token: `at-${tokens}`, refresh_token: `rt-${tokens}`, token_type: "Bearer", expires_in: 3600 });
}

const methods = { where: () => ({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }) };
export type ApiProcess = typeof methods;

serve(methods, async () => server.closeAllConnections());
