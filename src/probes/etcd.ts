import { atPath, textAt } from "../catalogue/paths.ts";
import type { ConnectionValues } from "../catalogue/types.ts";
import { textOf } from "./fields.ts";
import { parsed, tlsOf } from "./http.ts";
import { OTHER_KIND } from "./meanings.ts";
import { ProbeError, type ProbeFamily, type ProbeInput } from "./types.ts";

/** etcd version 3 by the JSON gateway that each of its servers has beside gRPC. The first of the hosts is asked. */
export const family: ProbeFamily = {
  async probe({ values, fetch }) {
    const username = textOf(values, "username");
    if (username === undefined) return void (await call(values, fetch, "kv/range", { key: NO_KEY, count_only: true }));
    const password = textOf(values, "password") ?? "";
    const token = textAt(await call(values, fetch, "auth/authenticate", { name: username, password }), ["token"]);
    if (!token) throw OTHER_KIND;
    // A user may always look at itself.
    await call(values, fetch, "auth/user/get", { name: username }, token);
  },
};

/** Counted and not read, and most likely not there. */
const NO_KEY = Buffer.from("moorline-test").toString("base64");

async function call(
  values: ConnectionValues,
  fetch: ProbeInput["fetch"],
  path: string,
  body: object,
  token?: string,
): Promise<unknown> {
  const [host = ""] = (textOf(values, "hosts") ?? "").split(",").map((one) => one.trim());
  const response = await fetch(`${host.replace(/\/+$/, "")}/v3/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: token }) },
    body: JSON.stringify(body),
    ...tlsOf(values),
  });
  const answer = parsed(await response.text());
  if (response.ok && atPath(answer, "header") !== undefined) return answer;
  throw refusalOf(textAt(answer, ["error", "message"]) ?? "") ?? (response.ok ? OTHER_KIND : new ProbeError("PROVIDER_ERROR"));
}

/** By etcd's own words: its codes are those of gRPC, and too few. */
function refusalOf(said: string): ProbeError | null {
  if (/authentication is not enabled/.test(said)) return NOT_ENABLED;
  if (/permission denied/.test(said)) return new ProbeError("PERMISSION_DENIED");
  return /authentication failed|invalid auth token|user name (is empty|not found)/.test(said)
    ? new ProbeError("INVALID_CREDENTIALS")
    : null;
}

const NOT_ENABLED = new ProbeError("INVALID_CREDENTIALS", {
  message: "The server has no users: its authentication is not enabled.",
  remedy: "Leave user name and password empty, or have authentication enabled.",
});
