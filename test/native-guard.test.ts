import dgram from "node:dgram";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { describe, expect, test } from "vitest";
import { createEgress, type SocketScope } from "../src/egress/index.ts";
import { rawServer } from "./support/native.ts";

const egress = createEgress({ allow: ["127.0.0.1"] });

/** What becomes of a socket that a library opens inside a scope. */
async function outcome(scope: SocketScope, open: () => net.Socket): Promise<string> {
  const socket = scope.run(open);
  const [error] = await Promise.race([
    once(socket, "connect").then(() => [null]),
    new Promise<[NodeJS.ErrnoException]>((resolve) => socket.once("error", (failure) => resolve([failure]))),
  ]);
  socket.destroy();
  return error ? (error.code ?? error.message) : "CONNECTED";
}

describe("a scope around a driver's sockets", () => {
  const FORBIDDEN = ["127.0.0.2", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.2", "fd00::1", "0.0.0.0"];

  test.each(FORBIDDEN)("refuses %s, whatever opens the socket", async (host) => {
    const ways: (() => net.Socket)[] = [
      () => net.connect(9, host),
      () => net.connect({ port: 9, host }),
      () => new net.Socket().connect(9, host),
      () => tls.connect({ port: 9, host }),
      () => net.createConnection({ port: 9, host, lookup: (_name, _options, done) => done(null, "127.0.0.1", 4) }),
    ];
    for (const way of ways) {
      const scope = egress.openSocketScope();
      expect(await outcome(scope, way)).toBe("BLOCKED_ADDRESS");
      expect(scope.refusal?.code).toBe("BLOCKED_ADDRESS");
      expect(scope.refused.aborted).toBe(true);
      scope.close();
    }
  });

  test("looks a name up once, itself: an answer of the caller's own look-up counts for nothing", async () => {
    const server = await rawServer();
    const scope = egress.openSocketScope();
    let asked = 0;
    const lookup: net.LookupFunction = (_host, _options, done) => {
      asked += 1;
      done(null, "127.0.0.2", 4);
    };
    expect(await outcome(scope, () => net.connect({ host: "localhost", port: server.port, lookup, family: 4 }))).toBe(
      "CONNECTED",
    );
    expect(asked).toBe(0);
    scope.close();
    await server.close();
  });

  test("refuses this machine's own sockets and datagrams", async () => {
    const path = join(tmpdir(), `moorline-guard-${process.pid}`);
    const local = net.createServer().listen(path);
    await once(local, "listening");
    const scope = egress.openSocketScope();
    expect(await outcome(scope, () => net.connect(path))).toBe("BLOCKED_ADDRESS");
    expect(await outcome(scope, () => net.connect({ path }))).toBe("BLOCKED_ADDRESS");
    local.close();
    const udp = dgram.createSocket("udp4");
    expect(() => scope.run(() => udp.send("x", 9, "127.0.0.1"))).toThrow(/Datagrams/);
    expect(() => scope.run(() => udp.connect(9, "127.0.0.1"))).toThrow(/Datagrams/);
    udp.close();
    scope.close();
  });

  test("holds what is opened later, from a timer or after an await, and nothing outside", async () => {
    const server = await rawServer();
    const scope = egress.openSocketScope();
    const late = scope.run(async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      return net.connect(9, "127.0.0.2");
    });
    const socket = await late;
    const [error] = (await once(socket, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("BLOCKED_ADDRESS");
    const outside = scope.run(() => scope.outside(() => net.connect(server.port, "127.0.0.1")));
    await once(outside, "connect");
    scope.close();
    expect(outside.destroyed).toBe(false);
    outside.destroy();
    await server.close();
  });

  test("ends every socket when it is closed, and opens no more", async () => {
    const server = await rawServer();
    const scope = egress.openSocketScope();
    const open = scope.run(() => net.connect(server.port, "127.0.0.1"));
    await once(open, "connect");
    scope.close();
    expect(open.destroyed).toBe(true);
    expect(await outcome(scope, () => net.connect(server.port, "127.0.0.1"))).toBe("TIMEOUT");
    await server.close();
  });

  test("an HTTP client's agent is held to it as well", async () => {
    const scope = egress.openSocketScope();
    const agent = new http.Agent({ keepAlive: true });
    const request = scope.run(() => http.get({ agent, host: "127.0.0.2", port: 9 }));
    const [error] = (await once(request, "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("BLOCKED_ADDRESS");
    agent.destroy();
    scope.close();
  });
});
