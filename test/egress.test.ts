import http, { type RequestListener } from "node:http";
import https from "node:https";
import net, { type AddressInfo, type Server } from "node:net";
import tls from "node:tls";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { createEgress, type Egress, type EgressOptions } from "../src/egress/index.ts";
import { LOCALHOST } from "./support/certificate.ts";

const leftovers: (() => unknown)[] = [];
afterEach(async () => {
  for (const dispose of leftovers.splice(0).reverse()) await dispose();
});

function egress(options: Partial<EgressOptions> = {}): Egress {
  const made = createEgress({ allow: [], ...options });
  leftovers.push(() => made.close());
  return made;
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<net.Socket>();
  server.on("connection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  leftovers.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

/** A plain http server and a door that lets to it. */
async function serve(listener: RequestListener): Promise<{ url: string; port: number; door: Egress }> {
  const port = await listen(http.createServer(listener));
  return { url: `http://127.0.0.1:${port}`, port, door: egress({ exact: [{ host: "127.0.0.1", port }] }) };
}

describe("addresses", () => {
  it("refuses loopback, and every spelling of it, unless the operator says otherwise", async () => {
    let requests = 0;
    const port = await listen(http.createServer((_, response) => response.end(String(++requests))));
    const door = egress();
    for (const host of [
      "127.0.0.1",
      "127.1",
      "2130706433",
      "0x7f.0.0.1",
      "0177.0.0.1",
      "0",
      "[::1]",
      "[::ffff:127.0.0.1]",
      "[::ffff:7f00:1]",
    ]) {
      await expect(door.fetch(`http://${host}:${port}/`), host).rejects.toMatchObject({
        code: "BLOCKED_ADDRESS",
        requestSent: false,
      });
    }
    expect(requests).toBe(0);
  });

  it("refuses a name that resolves to a private address", async () => {
    const port = await listen(http.createServer((_, response) => response.end("inside")));
    const door = egress();
    await expect(door.fetch(`http://localhost:${port}/`)).rejects.toMatchObject({ code: "BLOCKED_ADDRESS", requestSent: false });
    await expect(door.assertAllowed("localhost", port)).rejects.toMatchObject({ code: "BLOCKED_ADDRESS" });
  });

  it.each([
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.31.255.255",
    "192.168.1.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "::",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b:1::a00:1",
    "2001:0:7f00:1::",
    "2001:db8::1",
    "2002:7f00:1::",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%lo",
    "ff02::1",
    "5f00::1",
  ])("refuses %s", async (address) => {
    await expect(egress().assertAllowed(address, 443)).rejects.toMatchObject({ code: "BLOCKED_ADDRESS", requestSent: false });
  });

  it.each(["93.184.216.34", "8.8.8.8", "172.32.0.1", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450:4001::1"])(
    "lets %s pass",
    async (address) => {
      await expect(egress().assertAllowed(address, 443)).resolves.toBeUndefined();
    },
  );

  it("reaches what the operator allows, by address, range or exact host and port, and nothing beside it", async () => {
    const port = await listen(http.createServer((_, response) => response.end("hello")));
    const elsewhere = await listen(http.createServer((_, response) => response.end("private")));
    for (const options of [
      { allow: ["127.0.0.1"] },
      { allow: ["10.0.0.0/8", "127.0.0.0/8"] },
      { exact: [{ host: "127.0.0.1", port }] },
    ]) {
      const response = await egress(options).fetch(`http://127.0.0.1:${port}/`);
      expect(await response.text()).toBe("hello");
    }
    const door = egress({ exact: [{ host: "127.0.0.1", port }] });
    await expect(door.fetch(`http://127.0.0.1:${elsewhere}/`)).rejects.toMatchObject({ code: "BLOCKED_ADDRESS" });
    await expect(door.fetch(`http://localhost:${port}/`)).rejects.toMatchObject({ code: "BLOCKED_ADDRESS" });
    await expect(egress({ allow: ["127.0.0.2"] }).fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({
      code: "BLOCKED_ADDRESS",
    });
    expect(() => createEgress({ allow: ["somewhere"] })).toThrow(/not an address/);
  });

  it("says that a name does not exist", async () => {
    await expect(egress().fetch("http://nowhere.invalid/")).rejects.toMatchObject({ code: "HOST_NOT_FOUND", requestSent: false });
  });

  it.each(["file:///etc/passwd", "ftp://example.com/", "data:,x", "http://user:pass@example.com/", "not a url"])(
    "does not call %s",
    async (url) => {
      await expect(egress().fetch(url)).rejects.toMatchObject({ code: "BLOCKED_ADDRESS", requestSent: false });
    },
  );

  it("holds a driver's own sockets to the same list", async () => {
    const port = await listen(net.createServer((socket) => socket.end("hi")));
    expect(() => egress().connectGuard("127.0.0.1", port)).toThrow(/MOORLINE_EGRESS_ALLOW/);
    const refused = await new Promise((resolve) => net.connect(egress().connectGuard("localhost", port)).on("error", resolve));
    expect(refused).toMatchObject({ code: "BLOCKED_ADDRESS" });
    const door = egress({ allow: ["127.0.0.0/8", "::1"] });
    const said = await new Promise((resolve) =>
      net.connect(door.connectGuard("localhost", port)).on("data", (data) => resolve(String(data))),
    );
    expect(said).toBe("hi");
  });
});

describe("limits", () => {
  it("gives up in time on a server that says nothing, and knows that the request went out", async () => {
    const { url, door } = await serve(() => {});
    const error = await door.fetch(`${url}/token?code=topsecret`, { timeoutMs: 100 }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "TIMEOUT", requestSent: true });
    expect(error.message).not.toContain("topsecret");
  });

  it("gives up in time on a body that only trickles", async () => {
    const { url, door } = await serve((_, response) => {
      const timer = setInterval(() => response.write("."), 20);
      response.on("close", () => clearInterval(timer));
    });
    const response = await door.fetch(url, { timeoutMs: 200 });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toMatchObject({ code: "TIMEOUT", requestSent: true });
  });

  it("frees the connection of an answer that nobody reads when its time is over", async () => {
    let closed = () => {};
    const gone = new Promise<void>((resolve) => {
      closed = resolve;
    });
    const { url, door } = await serve((_, response) => {
      response.write("x");
      response.on("close", closed);
    });
    await door.fetch(url, { timeoutMs: 100 });
    await gone;
  });

  it("counts the bytes of a body whose length is not announced", async () => {
    const { url, door } = await serve((_, response) => {
      response.write("x".repeat(600));
      response.end("x".repeat(600));
    });
    await expect((await door.fetch(url, { maxBytes: 1000 })).text()).rejects.toMatchObject({
      code: "TOO_LARGE",
      requestSent: true,
    });
    expect(await (await door.fetch(url, { maxBytes: 1200 })).text()).toHaveLength(1200);
  });

  it("refuses an announced length at once", async () => {
    const { url, door } = await serve((_, response) => response.writeHead(200, { "content-length": 2_000_000 }).flushHeaders());
    await expect(door.fetch(url)).rejects.toMatchObject({ code: "TOO_LARGE", requestSent: true });
  });

  it("counts decoded bytes, so that a compressed bomb stops at the limit", async () => {
    const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(100_000);
    const { url, door } = await serve((_, response) => response.writeHead(200, { "content-encoding": "gzip" }).end(bomb));
    await expect((await door.fetch(url)).arrayBuffer()).rejects.toMatchObject({ code: "TOO_LARGE", requestSent: true });
  });
});

describe("answers", () => {
  it("sends method, headers and form, and gives back a decoded body", async () => {
    const { url, door } = await serve(async (request, response) => {
      let body = "";
      for await (const chunk of request) body += chunk;
      const { method, headers } = request;
      const seen = {
        method,
        path: request.url,
        type: headers["content-type"],
        length: headers["content-length"],
        auth: headers.authorization,
        body,
      };
      response.writeHead(201, { "content-encoding": "gzip", "set-cookie": ["a=1", "b=2"] }).end(gzipSync(JSON.stringify(seen)));
    });
    const form = new URLSearchParams({ grant_type: "refresh_token" });
    const response = await door.fetch(`${url}/a?b=c`, { method: "post", headers: { Authorization: "Basic eA==" }, body: form });
    expect(response.status).toBe(201);
    expect(response).toBeInstanceOf(Response);
    expect(response.url).toBe(`${url}/a?b=c`);
    expect(response.headers.getSetCookie()).toEqual(["a=1", "b=2"]);
    expect(response.headers.get("content-encoding")).toBeNull();
    expect(await response.json()).toEqual({
      method: "POST",
      path: "/a?b=c",
      type: "application/x-www-form-urlencoded;charset=UTF-8",
      length: "24",
      auth: "Basic eA==",
      body: "grant_type=refresh_token",
    });
  });

  it("does not follow a redirect", async () => {
    let requests = 0;
    const { url, door } = await serve((request, response) => {
      requests++;
      if (request.url === "/") response.writeHead(302, { location: "/elsewhere" }).end();
      else response.end("followed");
    });
    const response = await door.fetch(url, { headers: { authorization: "Bearer x" }, redirect: "follow" });
    expect(response.status).toBe(302);
    expect(response.headers.get("location")).toBe("/elsewhere");
    expect(requests).toBe(1);
  });

  it("gives answers without a body, and uses connections again", async () => {
    let connections = 0;
    const server = http.createServer((request, response) => response.writeHead(request.method === "HEAD" ? 200 : 204).end());
    server.on("connection", () => connections++);
    const port = await listen(server);
    const door = egress({ exact: [{ host: "127.0.0.1", port }] });
    for (const method of Array(10).fill(["GET", "DELETE"]).flat().concat("HEAD")) {
      const response = await door.fetch(`http://127.0.0.1:${port}/`, { method });
      expect(await response.text()).toBe("");
    }
    expect(connections).toBeLessThan(5);
  });

  it("lets the caller's own signal end a call with its reason", async () => {
    const { url, door } = await serve(() => {});
    const reason = new Error("no longer needed");
    await expect(door.fetch(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const call = door.fetch(url, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await expect(call).rejects.toBe(reason);
  });
});

describe("connections that fail", () => {
  it("tells a refused connection from a lost answer", async () => {
    const { url, door } = await serve((_, response) => response.destroy());
    await expect(door.fetch(url, { method: "POST", body: "x" })).rejects.toMatchObject({
      code: "CONNECTION_LOST",
      requestSent: true,
    });
    const closed = net.createServer();
    const port = await listen(closed);
    await new Promise((resolve) => closed.close(resolve));
    const refused = egress({ allow: ["127.0.0.1"] }).fetch(`http://127.0.0.1:${port}/`);
    await expect(refused).rejects.toMatchObject({ code: "CONNECTION_REFUSED", requestSent: false });
  });

  it("tells an answer that breaks off after its headers", async () => {
    const { url, door } = await serve((_, response) => {
      response.writeHead(200, { "content-length": 100 }).write("half");
      setTimeout(() => response.socket?.resetAndDestroy(), 20);
    });
    const response = await door.fetch(url);
    await expect(response.text()).rejects.toMatchObject({ code: "CONNECTION_LOST", requestSent: true });
  });

  it("ends what is running when it closes", async () => {
    const { url, door } = await serve(() => {});
    const call = door.fetch(url);
    setTimeout(() => door.close(), 50);
    await expect(call).rejects.toMatchObject({ code: "CONNECTION_LOST" });
  });
});

describe("TLS", () => {
  const certificate = LOCALHOST;

  it("refuses a certificate that nobody vouches for, before anything is sent", async () => {
    let requests = 0;
    const port = await listen(https.createServer(certificate, (_, response) => response.end(String(++requests))));
    const door = egress({ allow: ["127.0.0.1"] });
    await expect(door.fetch(`https://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: "TLS_ERROR", requestSent: false });
    expect(requests).toBe(0);
  });

  it("accepts a trusted certificate for the host's name only, through the look-up that checks addresses", async () => {
    const port = await listen(https.createServer(certificate, (_, response) => response.end("secure")));
    const trusted = tls.getCACertificates("default");
    tls.setDefaultCACertificates([...trusted, certificate.cert]);
    leftovers.push(() => tls.setDefaultCACertificates(trusted));
    const door = egress({ allow: ["127.0.0.1", "::1"] });
    expect(await (await door.fetch(`https://localhost:${port}/`)).text()).toBe("secure");
    await expect(door.fetch(`https://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: "TLS_ERROR", requestSent: false });
  });

  it("refuses a server that only speaks an older TLS", async () => {
    const old = { ...certificate, minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    const port = await listen(https.createServer(old, (_, response) => response.end()));
    const call = egress({ allow: ["127.0.0.1", "::1"] }).fetch(`https://localhost:${port}/`);
    await expect(call).rejects.toMatchObject({ code: "TLS_ERROR", requestSent: false });
  });

  it("says TLS where the other side does not speak it", async () => {
    const { port, door } = await serve((_, response) => response.end());
    await expect(door.fetch(`https://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: "TLS_ERROR", requestSent: false });
  });
});
