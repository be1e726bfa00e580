import { WebSocket } from "ws";
import { SUBSCRIPTION } from "./graphql.ts";
import { machineNow } from "./statistics.ts";

export interface SubscriptionLoad {
  url: string;
  /** Each a connection request and a token of its own user's session: one socket for each, as browsers open them. */
  subscribers: { requestId: string; token: string }[];
}

interface Frame {
  requestId: string;
  sequence: number;
  at: number;
}

/** How many sockets are being opened at the same time. */
const OPENING_AT_ONCE = 100;

let frames: Frame[] = [];

/** Opens sockets that stay, each with its subscription's first message (the present state) received. */
export async function openSubscriptions({ url, subscribers }: SubscriptionLoad): Promise<void> {
  const queue = [...subscribers];
  const address = `${url.replace(/^http/, "ws").replace("localhost", "127.0.0.1")}/graphql`;
  async function work(): Promise<void> {
    for (let next = queue.pop(); next; next = queue.pop()) await open(address, next);
  }
  await Promise.all(Array.from({ length: OPENING_AT_ONCE }, work));
  frames = [];
}

/** The frames received so far, once there are as many as expected. */
export async function collect({ expected, timeoutMs }: { expected: number; timeoutMs: number }): Promise<Frame[]> {
  const until = machineNow() + timeoutMs;
  while (frames.length < expected) {
    if (machineNow() > until) throw new Error(`${frames.length} of ${expected} frames came within ${timeoutMs} ms.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const collected = frames;
  frames = [];
  return collected;
}

function open(address: string, { requestId, token }: SubscriptionLoad["subscribers"][number]): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(address, "graphql-transport-ws", { perMessageDeflate: false });
    socket.on("open", () =>
      socket.send(JSON.stringify({ type: "connection_init", payload: { authorization: `Bearer ${token}` } })),
    );
    socket.on("message", (data) => {
      const at = machineNow();
      const message = JSON.parse(String(data)) as { type: string; payload?: { data?: { connectionRequestUpdated: Frame } } };
      if (message.type === "connection_ack") {
        const payload = { query: SUBSCRIPTION, variables: { id: requestId } };
        socket.send(JSON.stringify({ id: "1", type: "subscribe", payload }));
        return;
      }
      if (message.type === "ping") return socket.send('{"type":"pong"}');
      const request = message.payload?.data?.connectionRequestUpdated;
      if (!request) return reject(new Error(`An unexpected frame: ${String(data).slice(0, 500)}`));
      frames.push({ requestId, sequence: request.sequence, at });
      resolve();
    });
    socket.on("error", reject);
    socket.on("close", (code, reason) => reject(new Error(`The server closed a socket: ${code} ${reason}`)));
  });
}
