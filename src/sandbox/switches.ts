import { z } from "zod";

/**
 * What the sandbox can be told to do wrong, for one client (control routes) or for one authorization (the consent page, or
 * `playUser`). A switch of an authorization wins over the same switch of its client. Everything is off by default.
 */
const flag = (description: string) => z.boolean().describe(description);

const seconds = (description: string) => z.int().min(1).max(315_360_000).describe(description);

/** Refresh-token rotation. "strict" is what happens without the switch. */
const rotation = z.enum(["none", "grace", "strict"]);

const authorizationError = z.strictObject({
  /** RFC 6749 section 4.1.2.1, or anything else. */
  error: z.string().min(1).max(200),
  description: z.string().max(2000).optional(),
});

const tokenError = z.strictObject({
  status: z.int().min(400).max(599),
  /** RFC 6749 section 5.2, or anything else. */
  error: z.string().min(1).max(200),
  description: z.string().max(2000).optional(),
  /** Sent as Retry-After. */
  retryAfterSeconds: z.int().min(0).max(86_400).optional(),
  /** So many requests fail, later ones work. Without it all fail. */
  times: z.int().min(1).max(10_000).optional(),
});

export const SWITCHES = {
  deny: flag("Answer every authorization with access_denied, whatever the person presses."),
  authorizationError: authorizationError.describe("Answer every authorization with this error and description."),
  fewerScopes: z.array(z.string().max(100)).max(50).describe("Grant only these of the requested scopes (openid always stays)."),
  wrongIssuer: flag("Send the `iss` of somebody else with the authorization answer (RFC 9207)."),
  noIssuer: flag("Send no `iss` with the authorization answer, although the metadata promise it."),
  tokenDelayMs: z
    .int()
    .min(0)
    .max(600_000)
    .describe(
      "Wait so many milliseconds before a token request is worked on; " + "no work is done for a client that hangs up meanwhile.",
    ),
  accessTokenTtlSeconds: seconds("Lifetime of access tokens."),
  refreshTokenTtlSeconds: seconds("Lifetime of refresh tokens, counted anew at each rotation."),
  rotation: rotation.describe(
    "none: a refresh token stays the same. grace: it is replaced, and the old one works on for " +
      "`graceSeconds`. strict: it is replaced, and using the old one ends the grant.",
  ),
  graceSeconds: seconds("For rotation grace: how long a replaced refresh token still works (30 by default)."),
  revoked: flag("End the grant as soon as it is refreshed: invalid_grant."),
  tokenError: tokenError.describe("Fail token requests with this status and error before any work is done."),
  revocationDelayMs: z.int().min(0).max(600_000).describe("Wait so many milliseconds before a revocation is worked on."),
  revocationError: tokenError.describe("Fail revocations (RFC 7009) with this status and error before any work is done."),
  dropAfterCommit: flag("Do the token work, then cut the connection without an answer."),
  wrongNonce: flag("Put another nonce into the ID token."),
  noIdToken: flag("Leave id_token out of the token answer."),
  noRefreshToken: flag("Issue no refresh token, although offline_access is granted."),
  refreshOmitsRefreshToken: flag("Send no refresh token with the answer to a refresh; the old one stays valid."),
  omitScopeInAnswer: flag("Leave scope out of the token answer."),
  noTokenType: flag("Leave token_type out of the token answer."),
  noExpiresIn: flag("Leave expires_in out of the token answer."),
  expiresInAsString: flag('Send expires_in as a string ("3600").'),
  scopeAsList: flag('Send scope as a list (["a", "b"]).'),
  scopeCommas: flag('Send scope separated by commas ("a,b").'),
  errorWith200: flag("Send errors of the token endpoint with status 200."),
  nested: z.literal("authed_user").describe("Nest the tokens in an object of this name, beside `ok: true`."),
  formEncoded: flag("Send the token answer as application/x-www-form-urlencoded."),
  wrongContentType: flag("Send the token answer's JSON as text/plain."),
  html: flag("Send an HTML page with status 200 instead of the token answer; the token work is done."),
  truncated: flag("Send half of the token answer, then cut the connection."),
  onlyGrantType: z
    .string()
    .max(100)
    .describe("The token endpoint's switches act for this grant_type only " + "(authorization_code, refresh_token, …)."),
} as const;

export const SwitchesSchema = z.strictObject(SWITCHES).partial();

export type Switches = z.infer<typeof SwitchesSchema>;

/** The switches that a check box sets. */
export const FLAG_SWITCHES = Object.entries(SWITCHES).flatMap(([key, schema]) =>
  schema instanceof z.ZodBoolean ? [{ key, description: schema.description ?? "" }] : [],
);

/** The switches that a number sets. */
export const NUMBER_SWITCHES = Object.entries(SWITCHES).flatMap(([key, schema]) =>
  schema instanceof z.ZodNumber ? [{ key, description: schema.description ?? "" }] : [],
);

/** Errors worth a place in the consent page's list; anything else goes into its JSON field. */
export const AUTHORIZATION_ERROR_PRESETS: Record<string, Switches["authorizationError"]> = {
  server_error: { error: "server_error", description: "The sandbox was told to fail." },
  temporarily_unavailable: { error: "temporarily_unavailable" },
  invalid_scope: { error: "invalid_scope", description: "The sandbox was told to refuse these scopes." },
  unauthorized_client: { error: "unauthorized_client", description: "This app is suspended." },
  script: { error: "access_denied", description: "<script>alert(1)</script>" },
};

export const TOKEN_ERROR_PRESETS: Record<string, Switches["tokenError"]> = {
  "503": { status: 503, error: "temporarily_unavailable" },
  "429": { status: 429, error: "slow_down", retryAfterSeconds: 2 },
  invalid_client: { status: 401, error: "invalid_client", description: "The sandbox was told to refuse this client." },
  invalid_grant: { status: 400, error: "invalid_grant", description: "The sandbox was told to refuse this grant." },
};

/** The switches of a submitted consent form; throws a `z.ZodError` or `SyntaxError` where a value is no good. */
export function switchesFromForm(form: URLSearchParams): Switches {
  const given: Record<string, unknown> = {};
  for (const { key } of FLAG_SWITCHES) if (form.get(`switch.${key}`)) given[key] = true;
  for (const { key } of NUMBER_SWITCHES) if (form.get(`switch.${key}`)) given[key] = Number(form.get(`switch.${key}`));
  if (form.get("switch.rotation")) given.rotation = form.get("switch.rotation");
  if (form.get("switch.nested")) given.nested = form.get("switch.nested");
  const authorization = AUTHORIZATION_ERROR_PRESETS[form.get("switch.authorizationError") ?? ""];
  if (authorization) given.authorizationError = authorization;
  const token = TOKEN_ERROR_PRESETS[form.get("switch.tokenError") ?? ""];
  if (token) given.tokenError = { ...token };
  const json = form.get("switches")?.trim();
  return SwitchesSchema.parse({ ...given, ...(json ? (JSON.parse(json) as object) : {}) });
}
