import type { ConnectionValues } from "../catalogue/types.ts";
import type { TestCode } from "../lib/errors.ts";
import { type Account, accountOf, type Login } from "./azure-account.ts";
import { masterKey, sharedAccess, sharedKey } from "./azure-signing.ts";
import { type Call, callOf, fitting, family as http, judge, parsed, tokenOf } from "./http.ts";
import { CLOCK, OTHER_KIND } from "./meanings.ts";
import { ProbeError, type ProbeFamily, type ProbeInput } from "./types.ts";

/**
 * Storage accounts, Cosmos DB and Service Bus: the connector's data says which of them (`service`), what to ask (`requests`), how an
 * account's host ends (`suffix`), and what Entra calls it (`audience`).
 */
export const family: ProbeFamily = {
  async probe({ values, scheme, fetch }) {
    const constants = scheme.constants ?? {};
    const account = accountOf(values, constants);
    const known = { ...values, ...account.values, endpoint: account.endpoint };
    const request = fitting(scheme.requests, known);
    const { url, ...call } = await signed(callOf(request, known), account, { values, audience: constants.audience ?? "", fetch });
    const response = await fetch(url, call);
    const text = await response.text();
    const refusal = refusalOf(response, text, account.login);
    if (refusal) throw refusal;
    judge(request, response.status, text);
    if (constants.service === "servicebus") assertEntry(url, text);
    // Every answer of a storage account has it.
    else if (constants.service !== "cosmos" && !response.headers.has("x-ms-request-id")) throw OTHER_KIND;
  },

  meaningOf: http.meaningOf,
};

type Asking = { values: ConnectionValues; audience: string; fetch: ProbeInput["fetch"] };

async function signed(call: Call, { login }: Account, asking: Asking): Promise<Call> {
  const { url, headers } = call;
  switch (login.kind) {
    case "SHARED_KEY":
      return { ...call, headers: sharedKey(login, call) };
    case "MASTER_KEY":
      return { ...call, headers: masterKey(login.key, call) };
    case "SHARED_ACCESS": {
      const address = `${url.origin}${isList(url) ? "/" : url.pathname}`;
      return { ...call, headers: { ...headers, authorization: sharedAccess(login, address) } };
    }
    case "SIGNATURE":
      return { ...call, url: withSignature(url, login) };
    case "ENTRA":
      return { ...call, headers: { ...headers, authorization: `Bearer ${await entraToken(asking)}` } };
  }
}

/** A shared access signature is a query string, which is added as it is. */
function withSignature(url: URL, { query }: Extract<Login, { kind: "SIGNATURE" }>): URL {
  const own = url.search.replace(/^\?/, "");
  return new URL(`${url.origin}${url.pathname}?${[own, query.replace(/^\?/, "")].filter(Boolean).join("&")}`);
}

/** RFC 6749 section 4.4, at Microsoft's own host whatever was typed. */
function entraToken({ values, audience, fetch }: Asking): Promise<string> {
  const token = {
    url: "https://login.microsoftonline.com/{connection.tenantId}/oauth2/v2.0/token",
    parameters: {
      grant_type: "client_credentials",
      client_id: "{connection.clientId}",
      client_secret: "{connection.clientSecret}",
      scope: `${audience}/.default`,
    },
  };
  return tokenOf(token, values, fetch);
}

const MEANINGS: [TestCode, RegExp][] = [
  ["INVALID_CREDENTIALS", /^(AuthenticationFailed|InvalidAuthenticationInfo|NoAuthenticationInformation|Unauthorized)$/],
  [
    "PERMISSION_DENIED",
    /^(Authorization\w*|InsufficientAccountPermissions|InsufficientPermissions|AccountIsDisabled|Forbidden|FeatureNotEnabled)$/,
  ],
  ["RESOURCE_NOT_FOUND", /^((Container|Queue|Share|Filesystem|Resource|Path|Account)NotFound|NotFound)$/],
  ["RATE_LIMITED", /^(ServerBusy|TooManyRequests)$/],
];

/** What the refusal means; null: it is none, or its status says enough. */
function refusalOf({ status, headers }: Response, text: string, login: Login): ProbeError | null {
  if (status < 400) return null;
  if (/Request date header too old|not valid at the current time/.test(text)) return CLOCK;
  if (/Signature not valid in the specified time frame/.test(text)) return RUN_OUT;
  // Service Bus checks the signature first: who holds a policy for messages only gets as far as this.
  if (status === 401 && /claims? (are )?required|Unauthorized access for '/.test(text)) return NOT_MANAGED;
  const { code } = (parsed(text) ?? {}) as { code?: unknown };
  const said = headers.get("x-ms-error-code") ?? code ?? /<Code>(\w{1,60})<\/Code>/.exec(text)?.[1] ?? "";
  if (said === "KeyBasedAuthenticationNotPermitted") return NO_KEYS;
  // Not every server of this kind has a code of its own for that.
  const isUnknown = /failed to authenticate the request/i.test(text);
  const known = isUnknown ? "INVALID_CREDENTIALS" : MEANINGS.find(([, codes]) => codes.test(String(said)))?.[0];
  if (known === "INVALID_CREDENTIALS" && hasRunOut(login)) return RUN_OUT;
  return known ? new ProbeError(known) : null;
}

/** A shared access signature says itself until when it holds. */
function hasRunOut(login: Login): boolean {
  const until = login.kind === "SIGNATURE" ? new URLSearchParams(login.query).get("se") : null;
  return until !== null && Date.parse(until) < Date.now();
}

/** Service Bus answers with Atom (RFC 4287): an entry, or, where no entity has that name, a feed that is empty. */
function assertEntry(url: URL, text: string): void {
  if (/<entry[ >]/.test(text)) return;
  if (!/<feed[ >]/.test(text)) throw OTHER_KIND;
  if (!isList(url)) throw new ProbeError("RESOURCE_NOT_FOUND");
}

/** `/$Resources/…` are lists of what is there. */
function isList(url: URL): boolean {
  return url.pathname.startsWith("/$");
}

const RUN_OUT = new ProbeError("TOKEN_EXPIRED", {
  message: "The shared access signature is not valid now: it has run out, or has not begun.",
  remedy: "Enter a new one.",
});

const NO_KEYS = new ProbeError("PERMISSION_DENIED", {
  message: "The account does not let anybody in by its keys.",
  remedy: "Sign in as a service principal, or allow access by keys in the account's configuration.",
});

const NOT_MANAGED = new ProbeError("PERMISSION_DENIED", {
  message: "The policy's key is accepted, but it may not look at the queue or topic, which is what this test does.",
  remedy: "Test with a policy that has the right Manage, or save without a test.",
});
