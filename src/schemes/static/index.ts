import { expand } from "../../catalogue/templates.ts";
import type { ApplyDefinition, SchemeDefinition } from "../../catalogue/types.ts";
import { Secret } from "../../lib/secret.ts";
import { authorize } from "../oauth1/signature.ts";
import { asFailure } from "../oauth2/client.ts";
import { applyToken, failure } from "../oauth2/index.ts";
import type { AppliedCredential, ApplyInput, SchemeHandler } from "../types.ts";

type Of<Type extends SchemeDefinition["type"]> = Extract<SchemeDefinition, { type: Type }>;

/** Schemes that hold what somebody typed: nothing runs out by itself and nothing is refreshed. */
function typed<Type extends SchemeDefinition["type"]>(
  name: string,
  own: (scheme: Of<Type>, input: ApplyInput) => Partial<AppliedCredential>,
): SchemeHandler {
  return {
    name,
    redirects: false,
    holdsTokens: false,
    apply(input) {
      const scheme = input.scheme as Of<Type> & { apply?: ApplyDefinition };
      const { api, values, request } = input;
      const said = applyToken({ own: scheme.apply ?? {}, api, accessToken: null, values, clientId: null, request });
      const { headers, query } = scheme.apply ? {} : own(scheme, input);
      const applied = { ...said, headers: { ...said.headers, ...headers }, query: { ...said.query, ...query } };
      if (!Object.values(applied.headers).every(isSendable)) throw failure("CONFIG_CHANGED", { message: UNSENDABLE });
      return applied;
    },
  };
}

export const apiKey = typed<"API_KEY">("API key", ({ location, parameterName = "", prefix = "" }, { values }) => {
  const value = prefix + text(values.apiKey);
  switch (location) {
    case "HEADER":
      return { headers: { [parameterName.toLowerCase()]: value } };
    case "QUERY":
      return { query: { [parameterName]: value } };
    case "COOKIE":
      return { headers: { cookie: `${parameterName}=${encodeURIComponent(value)}` } };
    case undefined:
      return {};
  }
});

export const bearerToken = typed<"BEARER_TOKEN">("Bearer token", ({ headerName, prefix }, { values }) => ({
  headers: { [(headerName ?? "authorization").toLowerCase()]: `${prefix ?? "Bearer "}${text(values.token)}` },
}));

/** RFC 7617 section 2, in UTF-8 (section 2.1). */
export const basic = typed<"BASIC">("User name and password", (_scheme, { values }) => {
  const pair = Buffer.from(`${text(values.username)}:${text(values.password)}`, "utf8").toString("base64");
  return { headers: { authorization: `Basic ${pair}` } };
});

/** RFC 5849 with a token from outside. Each call has a signature of its own, so that nothing can be said of it before it is known. */
export const oauth1Tokens = typed<"OAUTH1_TOKENS">("OAuth 1.0a with given tokens", (scheme, { values, request }) => {
  if (!request) return {};
  const { consumerKey, consumerSecret, tokenId, tokenSecret } = values;
  const secrets = { clientSecret: new Secret(text(consumerSecret)), tokenSecret: new Secret(text(tokenSecret)) };
  const credentials = { clientId: text(consumerKey), token: text(tokenId), ...secrets };
  const realm = asFailure(() => expand(scheme.realm ?? "", { connection: values }));
  return { headers: { authorization: authorize(request, scheme.signatureMethod, credentials, { realm }) } };
});

/** What the product connects with by itself: there is no HTTP call that could carry it. */
export const native = typed<"NATIVE">("Native protocol", () => ({}));

export const none = typed<"NONE">("No authentication", () => ({}));

const UNSENDABLE = "A value of this connection holds a line break or a character that a header cannot carry.";

/** What is typed is checked when it is saved; a preset or an older value may have been looked at less closely. */
function isSendable(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value);
}

function text(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}
