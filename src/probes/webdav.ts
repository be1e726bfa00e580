import { createHash, randomBytes } from "node:crypto";
import type { ConnectionValues } from "../catalogue/types.ts";
import { textOf } from "./fields.ts";
import { type Call, callOf, fitting, family as http, judge } from "./http.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** WebDAV (RFC 4918), with the one login that takes two calls: HTTP Digest (RFC 7616). */
export const family: ProbeFamily = {
  async probe(input) {
    const { values, scheme, fetch } = input;
    if (textOf(values, "authType") !== "digest") return http.probe(input);
    const request = fitting(scheme.requests, values);
    const { url, ...call } = callOf(request, values);
    const asked = await fetch(url, call);
    const challenge = challengeOf(asked.headers.get("www-authenticate") ?? "");
    await asked.body?.cancel();
    if (asked.status !== 401 || !challenge) throw NO_DIGEST;
    const authorization = answerTo(challenge, { url, ...call }, values);
    const response = await fetch(url, { ...call, headers: { ...call.headers, authorization } });
    judge(request, response.status, await response.text());
  },

  meaningOf: http.meaningOf,
};

const NO_DIGEST = new ProbeError("INVALID_CREDENTIALS", {
  message: "The server does not ask for HTTP Digest.",
  remedy: "Choose another way to sign in.",
});

type Challenge = Record<string, string>;

const HASHES: Readonly<Record<string, string>> = { md5: "md5", "sha-256": "sha256" };

/** No honest challenge is longer, and what is read here is read with regular expressions. */
const MAX_LENGTH = 4_096;

/** Of several challenges in one header the first Digest with a hash that is known here. */
function challengeOf(header: string): Challenge | null {
  const found = header
    .slice(0, MAX_LENGTH)
    .split(/(?:^|,)\s*(?=[A-Za-z-]+\s+[a-z]+\s*=)/i)
    .filter((one) => /^digest\s/i.test(one))
    .map((one) => {
      const pairs = [...one.matchAll(/([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)];
      return Object.fromEntries(pairs.map(([, name = "", quoted, bare]) => [name.toLowerCase(), quoted ?? bare ?? ""]));
    });
  return found.find(({ nonce, algorithm = "MD5" }) => nonce && Object.hasOwn(HASHES, algorithm.toLowerCase())) ?? null;
}

/** Section 3.4, with `qop=auth` where the server knows it. */
function answerTo(challenge: Challenge, { url, method }: Call, values: ConnectionValues): string {
  const { realm = "", nonce = "", opaque, algorithm = "MD5" } = challenge;
  const hash = (text: string) =>
    createHash(HASHES[algorithm.toLowerCase()] ?? "md5")
      .update(text)
      .digest("hex");
  const [username = "", password = ""] = [textOf(values, "username"), textOf(values, "password")];
  const uri = `${url.pathname}${url.search}`;
  const hasQop = /\bauth\b/.test((challenge.qop ?? "").replaceAll("auth-int", ""));
  const cnonce = randomBytes(16).toString("hex");
  const middle = hasQop ? `${nonce}:00000001:${cnonce}:auth` : nonce;
  const response = hash(`${hash(`${username}:${realm}:${password}`)}:${middle}:${hash(`${method}:${uri}`)}`);
  const quoted = { username: username.replace(/["\\]/g, "\\$&"), realm, nonce, uri, response, ...(opaque && { opaque }) };
  const parts = Object.entries(quoted).map(([name, value]) => `${name}="${value}"`);
  return `Digest ${[...parts, `algorithm=${algorithm}`, ...(hasQop ? ["qop=auth", "nc=00000001", `cnonce="${cnonce}"`] : [])].join(", ")}`;
}
