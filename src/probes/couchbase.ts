import dns from "node:dns";
import type { ConnectionValues } from "../catalogue/types.ts";
import { textOf } from "./fields.ts";
import { judge, parsed, tlsOf } from "./http.ts";
import { OTHER_KIND } from "./meanings.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** Couchbase by the HTTP that every server has beside its own protocol. The first host of the connection string is asked. */
export const family: ProbeFamily = {
  async probe({ values, fetch }) {
    const bucket = textOf(values, "bucket");
    const path = bucket ? `/pools/default/b/${encodeURIComponent(bucket)}` : "/whoami";
    const pair = `${textOf(values, "username") ?? ""}:${textOf(values, "password") ?? ""}`;
    const response = await fetch(`${await originOf(values)}${path}`, {
      headers: { accept: "application/json", authorization: `Basic ${Buffer.from(pair, "utf8").toString("base64")}` },
      ...tlsOf(values),
    });
    const text = await response.text();
    judge({}, response.status, text);
    const answer = parsed(text) as { name?: unknown; id?: unknown } | null;
    if ((bucket ? answer?.name : answer?.id) === undefined) throw OTHER_KIND;
  },
};

/** `couchbase://one,two`: a port there is that of the other protocol, unless `=http` stands behind it. */
async function originOf(values: ConnectionValues): Promise<string> {
  const [, secured, first = ""] =
    /^couchbase(s?):\/\/(?:[^/?@]*@)?([^/?,;]+)/.exec(textOf(values, "connectionString") ?? "") ?? [];
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d+$|:(\d+)=http$)?/.exec(first) ?? [];
  if (!host) {
    const words = {
      message: "The connection string names no host.",
      remedy: "Write couchbase:// or couchbases:// and the hosts.",
    };
    throw new ProbeError("HOST_NOT_FOUND", words);
  }
  const isSecured = secured === "s" || values.tls === true;
  return `${isSecured ? "https" : "http"}://${await hostOf(host)}:${port ?? (isSecured ? 18_091 : 8_091)}`;
}

/** Couchbase's own cloud gives out a name that has services and no address (RFC 2782). */
async function hostOf(host: string): Promise<string> {
  if (!host.toLowerCase().endsWith(".cloud.couchbase.com")) return host;
  const services = await dns.promises.resolveSrv(`_couchbases._tcp.${host}`).catch(() => []);
  return services[0]?.name ?? host;
}
