import type net from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/**
 * No package has a real Oracle database. A listener of two lines refuses as Oracle's does (a TNS REFUSE packet): what a login comes to is
 * not proven here.
 */

const FIELDS = { connectBy: "serviceName", serviceName: "ORCL", username: "ada", password: "correct horse" };

/** The listener's answer to a CONNECT packet: no, because of this error. */
function refusing(code: number): (socket: net.Socket) => void {
  const text = Buffer.from(`(DESCRIPTION=(TMP=)(VSNNUM=301989888)(ERR=${code})(ERROR_STACK=(ERROR=(CODE=${code})(EMFI=4))))`);
  const packet = Buffer.alloc(12 + text.length);
  packet.writeUInt16BE(packet.length, 0);
  packet[4] = 4;
  packet.writeUInt16BE(text.length, 10);
  text.copy(packet, 12);
  return (socket) => socket.once("data", () => socket.end(packet));
}

async function refused(code: number, more: object = {}) {
  const listener = await rawServer(refusing(code));
  try {
    return await tryNative(app, "oracle", { ...FIELDS, ...more, host: "127.0.0.1", port: listener.port });
  } finally {
    await listener.close();
  }
}

let app: TestApp;
beforeAll(async () => {
  app = await startNativeApp();
});
afterAll(() => app?.close());

describe("an Oracle database", () => {
  testUnreachable(() => ({ app, slug: "oracle", fields: FIELDS, at: (host, port) => ({ host, port }) }));

  test.each([
    ["a service name", 12514, {}],
    ["a SID", 12505, { connectBy: "sid", serviceName: undefined, sid: "ORCL" }],
  ])("that does not know %s says so", async (_what, code, more) => {
    const result = await refused(code, more);
    expect(result).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND", remedy: expect.stringContaining("service name") });
  });

  test("that refuses for another reason says its number, and nothing that it wrote", async () => {
    const result = await refused(12520);
    expect(result.code).toBe("PROVIDER_ERROR");
    expect(JSON.stringify(result)).not.toContain("ERROR_STACK");
  });

  test.each(["mydb", "(DESCRIPTION=(ADDRESS=(PROTOCOL=ipc)(KEY=x)))", "one,two/service", "host/service?wallet_location=/etc"])(
    "is not looked for by the connect string “%s”, which could name files of this machine",
    async (connectString) => {
      const fields = { connectBy: "connectString", connectString, username: "ada", password: "x", host: "127.0.0.1", port: 1 };
      expect(await tryNative(app, "oracle", fields)).toMatchObject({ ok: false, code: "NOT_TESTABLE" });
    },
  );
});
