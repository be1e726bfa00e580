import { Redis } from "ioredis";
import type { ConnectionValues } from "../catalogue/types.ts";
import { numberOf, textOf, verifiedTls } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** The Redis serialization protocol, with one server: what a cluster says of other nodes is followed nowhere. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const redis = new Redis({
      host: textOf(values, "host"),
      port: numberOf(values, "port") ?? 6379,
      connectTimeout: timeoutMs,
      disconnectTimeout: 0,
      lazyConnect: true,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      // Nothing by itself: each question is asked below, and each answer looked at.
      protocol: 2,
      enableReadyCheck: false,
      disableClientInfo: true,
      ...(values.tls === true && { tls: verifiedTls(values) }),
    });
    let failure: unknown = null;
    redis.on("error", (error) => {
      failure ??= error;
    });
    try {
      await redis.connect();
      await ask(redis, values);
    } catch (error) {
      throw failure ?? error;
    } finally {
      redis.disconnect();
    }
  },

  meaningOf(error) {
    const { name, message } = error as { name?: unknown; message?: unknown };
    if (name !== "ReplyError" || typeof message !== "string") return undefined;
    const [kind = ""] = message.split(" ");
    if (/^ERR (AUTH .*without any password|Client sent AUTH, but no password)/.test(message)) return NO_PASSWORD;
    if (/^ERR (.*DB index|invalid first cmd arg|SELECT is not)/i.test(message)) return NO_DATABASE;
    if (["WRONGPASS", "NOAUTH"].includes(kind) || /^ERR invalid password/.test(message)) return "INVALID_CREDENTIALS";
    if (kind === "NOPERM") return "PERMISSION_DENIED";
    const said = /^[A-Z]{3,20}$/.test(kind) ? ` (${kind})` : "";
    return new ProbeError("PROVIDER_ERROR", { message: `The server answered with an error${said}.` });
  },
};

async function ask(redis: Redis, values: ConnectionValues): Promise<void> {
  const password = textOf(values, "password");
  const username = textOf(values, "username") ?? "default";
  // One argument is understood by every version, and means this user (Redis 6, "ACL").
  if (password !== undefined) await redis.call("AUTH", ...(username === "default" ? [password] : [username, password]));
  const index = numberOf(values, "databaseIndex") ?? 0;
  if (index !== 0) await redis.call("SELECT", index);
  await redis.call("PING");
}

const NO_PASSWORD = new ProbeError("INVALID_CREDENTIALS", {
  message: "The server has no password, so it refuses one.",
  remedy: "Leave the password empty, or have one set at the server.",
});

const NO_DATABASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "The server has no database of this number.",
  remedy: "Check the database index; a cluster has 0 alone.",
});
