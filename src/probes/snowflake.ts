import { createHash, createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import type { ConnectionValues } from "../catalogue/types.ts";
import type { TestCode } from "../lib/errors.ts";
import { pemOf, textOf } from "./fields.ts";
import { judge, parsed } from "./http.ts";
import { OTHER_KIND } from "./meanings.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** Snowflake's SQL API: SELECT 1 by a key pair, an OAuth token or a programmatic access token. A password is for drivers only. */
export const family: ProbeFamily = {
  async probe({ values, fetch }) {
    const { kind, token } = await tokenOf(values);
    const account = (textOf(values, "account") ?? "").toLowerCase().replaceAll("_", "-");
    const optional = ["warehouse", "database", "schema", "role"].map((name) => [name, textOf(values, name)]);
    const response = await fetch(`https://${account}.snowflakecomputing.com/api/v2/statements`, {
      method: "POST",
      headers: {
        accept: "application/json",
        "content-type": "application/json",
        authorization: `Bearer ${token}`,
        "x-snowflake-authorization-token-type": kind,
      },
      body: JSON.stringify({ statement: "SELECT 1", timeout: 5, ...Object.fromEntries(optional) }),
    });
    const text = await response.text();
    const { code, statementHandle } = (parsed(text) ?? {}) as { code?: unknown; statementHandle?: unknown };
    const known = BY_CODE[String(code)];
    if (!response.ok && known) throw known;
    judge({}, response.status, text);
    if (typeof statementHandle !== "string") throw OTHER_KIND;
  },
};

const KINDS: Readonly<Record<string, string>> = {
  OAUTH: "OAUTH",
  PROGRAMMATIC_ACCESS_TOKEN: "PROGRAMMATIC_ACCESS_TOKEN",
};

async function tokenOf(values: ConnectionValues): Promise<{ kind: string; token: string }> {
  const way = textOf(values, "authenticator") ?? "";
  if (way === "SNOWFLAKE_JWT") return { kind: "KEYPAIR_JWT", token: await signedBy(values) };
  const kind = KINDS[way];
  if (kind) return { kind, token: textOf(values, "token") ?? "" };
  throw new ProbeError("NOT_TESTABLE", {
    message: "Snowflake's SQL API takes no password, so this way to sign in has no test.",
    remedy: "Choose a key pair or a programmatic access token, or use the credential to see whether it works.",
  });
}

/** "Key-pair authentication": issuer and subject are in capitals, the account without region and cloud. */
async function signedBy(values: ConnectionValues): Promise<string> {
  const key = keyOf(pemOf(values, "privateKey") ?? "", textOf(values, "privateKeyPassphrase"));
  const publicHalf = createPublicKey(key).export({ type: "spki", format: "der" });
  const fingerprint = createHash("sha256").update(publicHalf).digest("base64");
  const account = (textOf(values, "account") ?? "").replace(/\..*$/, "");
  const subject = `${account}.${textOf(values, "username") ?? ""}`.toUpperCase();
  const now = Math.floor(Date.now() / 1000);
  try {
    return await new SignJWT({})
      .setProtectedHeader({ typ: "JWT", alg: "RS256" })
      .setIssuer(`${subject}.SHA256:${fingerprint}`)
      .setSubject(subject)
      .setIssuedAt(now)
      .setExpirationTime(now + 300)
      .sign(key);
  } catch {
    throw new ProbeError("INVALID_CREDENTIALS", { message: "The key is no RSA key of 2,048 bits or more." });
  }
}

function keyOf(pem: string, passphrase: string | undefined): KeyObject {
  try {
    return createPrivateKey({ key: pem, passphrase });
  } catch {
    throw new ProbeError("INVALID_CREDENTIALS", {
      message: "The private key cannot be read with this passphrase.",
      remedy: "Enter the key as PEM text (PKCS #8), and its passphrase if it has one.",
    });
  }
}

const notThere = (what: string) =>
  new ProbeError("RESOURCE_NOT_FOUND", {
    message: `There is no such ${what}, or this user may not see it.`,
    remedy: `Check the name of the ${what}, and what this user's role may use.`,
  });
const refused = (code: TestCode) => new ProbeError(code);

/** Of the answer's `code`. */
const BY_CODE: Readonly<Record<string, ProbeError>> = {
  "390144": refused("INVALID_CREDENTIALS"),
  "390101": refused("INVALID_CREDENTIALS"),
  "390303": refused("INVALID_CREDENTIALS"),
  "390318": refused("TOKEN_EXPIRED"),
  "390114": refused("TOKEN_EXPIRED"),
  "390189": notThere("role"),
  "390201": notThere("warehouse, database or schema"),
  "000606": notThere("warehouse"),
  "002003": notThere("database or schema"),
  "002043": notThere("warehouse, database or schema"),
  "003001": refused("PERMISSION_DENIED"),
};
