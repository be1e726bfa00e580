import type { SchemeDefinition } from "../../catalogue/types.ts";
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
      const shared = applyToken({ own: {}, api: input.api, accessToken: null, values: input.values, clientId: null });
      const { headers = {}, query } = own(input.scheme as Of<Type>, input);
      if (!Object.values(headers).every(isSendable)) throw failure("CONFIG_CHANGED", { message: UNSENDABLE });
      return { headers: { ...shared.headers, ...headers }, query: { ...shared.query, ...query } };
    },
  };
}

export const apiKey = typed<"API_KEY">("API key", ({ location, parameterName, prefix = "" }, { values }) => {
  const value = prefix + text(values.apiKey);
  switch (location) {
    case "HEADER":
      return { headers: { [parameterName.toLowerCase()]: value } };
    case "QUERY":
      return { query: { [parameterName]: value } };
    case "COOKIE":
      return { headers: { cookie: `${parameterName}=${encodeURIComponent(value)}` } };
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

export const none = typed<"NONE">("No authentication", () => ({}));

const UNSENDABLE = "A value of this connection holds a line break or a character that a header cannot carry.";

/** What is typed is checked when it is saved; a preset or an older value may have been looked at less closely. */
function isSendable(value: string): boolean {
  return /^[\t\x20-\x7e]*$/.test(value);
}

function text(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}
