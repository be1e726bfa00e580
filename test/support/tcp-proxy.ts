import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";

/** A network in between, which a test can break. */
export interface TcpProxy {
  url: string;
  /** Where it goes on to: a port of this machine. */
  target: number;
  /** Down: every new connection is cut at once. */
  down: boolean;
  /** Cuts a connection that sends a text for which this is true, as a proxy does that does not know WebSockets. */
  refuses: (text: string) => boolean;
  /** How many connections are open now, and how many there have been. */
  open(): number;
  total: number;
  /** Cuts all that is open. */
  cut(): void;
  close(): Promise<void>;
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((incoming) => {
    incoming.on("error", () => {});
    if (proxy.down) {
      incoming.destroy();
      return;
    }
    proxy.total += 1;
    const outgoing = connect(proxy.target, "127.0.0.1");
    outgoing.on("error", () => incoming.destroy());
    sockets.add(incoming);
    incoming.on("close", () => {
      sockets.delete(incoming);
      outgoing.destroy();
    });
    outgoing.on("close", () => incoming.destroy());
    incoming.on("data", (chunk) => {
      if (proxy.refuses(chunk.toString("latin1"))) incoming.destroy();
      else outgoing.write(chunk);
    });
    outgoing.on("data", (chunk) => incoming.write(chunk));
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const proxy: TcpProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target,
    down: false,
    refuses: () => false,
    open: () => sockets.size,
    total: 0,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    async close() {
      proxy.cut();
      await new Promise((closed) => server.close(closed));
    },
  };
  return proxy;
}
