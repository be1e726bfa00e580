import fc from "fast-check";
import { idRef, NODE_TYPES, word } from "./properties-refs.ts";

/** What leaves are made of: by their scalar, or by the name of their field. */

const HOSTILE = [
  "",
  " ",
  "\0",
  "a\0b",
  "\ud800",
  "x\udfffy",
  "line\r\nSet-Cookie: a=b",
  "\u202egnp.exe",
  "ﬁ 𝔘𝔫𝔦 👩‍👩‍👧‍👦 ä",
  "x".repeat(256),
  "y".repeat(70_000),
  "__proto__",
  "constructor",
  "toString",
  "{connection.subdomain}",
  "{operator.sandboxIssuer}",
  "{{7*7}}<%= 7*7 %>",
  "' OR 1=1; --",
  '"; DROP TABLE "User"; --',
  "%00%0d%0a%2e%2e%2f",
  "../../../../etc/passwd",
  "//evil.example",
  "/\\evil.example",
  "\\\\evil\\share",
  "<script>alert(1)</script>",
  "null",
  "undefined",
  "NaN",
  "-1",
  "1e400",
  "0x10",
  "true",
  "[]",
  "mlk_",
  "cred_",
  "conn_sandbox",
  "00000000-0000-0000-0000-000000000000",
] as const;

const ADDRESSES = [
  "javascript:alert(1)",
  "data:text/html,x",
  "http://169.254.169.254/latest/meta-data",
  "http://[::ffff:127.0.0.1]:1/",
  "http://127.0.0.1:1/",
  "https://127.0.0.1:1/",
  "https://user:pass@provider.invalid/",
  "https://provider.invalid:99999/",
  "https://provider.invalid/%zz?{connection.subdomain}#x",
  "https://{connection.subdomain}.provider.invalid/",
  "https://provider.invalid\\@evil.invalid/",
  "https://xn--/",
  "myapp://callback",
  "//provider.invalid",
  "https://",
  `https://provider.invalid/${"p".repeat(2_100)}`,
] as const;

const DATES = [
  "0000-01-01T00:00:00Z",
  "0001-01-01T00:00:00.000Z",
  "1969-12-31T23:59:59.999Z",
  "1970-01-01T00:00:00Z",
  "2024-02-30T00:00:00Z",
  "2026-11-21T10:15:30.000+14:00",
  "9999-12-31T23:59:59.999Z",
  "+275760-09-13T00:00:00.000Z",
  "+010000-01-01T00:00:00.000Z",
  "-271821-04-20T00:00:00.000Z",
  "2026-11-21",
  "10:15",
  "",
] as const;

const text = fc.oneof(
  fc.constantFrom<string>(...HOSTILE),
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({ maxLength: 300 }),
);

const deepJson = nested(33);
const abyss = nested(1_500);

function nested(depth: number): unknown {
  let value: unknown = "bottom";
  for (let level = 0; level < depth; level += 1) value = level % 2 ? [value] : { deeper: value };
  return value;
}

/** `JSON.parse`, because a literal's `__proto__` would be its prototype. */
const polluting = JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}') as object;

export const json = fc.oneof(
  fc.constantFrom<unknown>(
    {},
    [],
    null,
    0,
    -0,
    1e308,
    "",
    false,
    polluting,
    deepJson,
    abyss,
    { "": "" },
    { "a\0b": "c\0d" },
    { a: "\ud800" },
  ),
  fc.constantFrom<unknown>({ big: "z".repeat(70_000) }, { many: Array.from({ length: 2_000 }, (_, index) => index) }),
  fc.dictionary(
    fc.constantFrom("apiKey", "token", "accessToken", "expiresAt", "subdomain", "scope", "unknown", "client_secret"),
    text,
    { maxKeys: 4 },
  ),
  fc.jsonValue({ maxDepth: 3 }),
);

const integer = fc.oneof(fc.constantFrom(0, -1, 1, 59, 60, 86_400, 604_801, 2_147_483_647, -2_147_483_648), fc.integer());

/** What no coercion takes, or an odd one. */
export const wrongType = fc.constantFrom<unknown>(null, [], {}, [[]], 7, 1.5, 2_147_483_648, true, "text", [null], { id: "x" });

export const wildId = fc.oneof(
  fc
    .constantFrom(...NODE_TYPES)
    .chain((type) => fc.constantFrom(idRef("own", type), idRef("foreign", type), idRef("absent", type))),
  text,
);

/** By scalar: values of the right form at least. */
export const WILD: Record<string, fc.Arbitrary<unknown>> = {
  String: text,
  ID: wildId,
  Int: integer,
  Float: fc.oneof(fc.double({ noDefaultInfinity: true, noNaN: true }), integer),
  Boolean: fc.boolean(),
  JSON: json,
  DateTime: fc.constantFrom(...DATES),
  URL: fc.oneof(fc.constantFrom<string>(...ADDRESSES), text),
  Origin: fc.oneof(fc.constantFrom<string>(...ADDRESSES, "null", "*", "http://app.test/"), text),
  EmailAddress: fc.oneof(fc.constantFrom("a@b", "ä@b.example", "a@b.example\r\nBcc: c@d.example", '"a b"@c.example'), text),
};

const soon = fc.integer({ min: 1, max: 400 }).map((days) => new Date(Date.UTC(2027, 0, 1) + days * 86_400_000).toISOString());
const label = fc.constantFrom("Ada’s account", "Prod", "名前 👩‍🚀", "a", "O'Brien & <Sons>", "x".repeat(200));

export const PLAUSIBLE: Record<string, fc.Arbitrary<unknown>> = {
  String: label,
  Int: fc.integer({ min: 1, max: 600 }),
  Float: fc.integer({ min: 0, max: 100 }),
  Boolean: fc.boolean(),
  JSON: fc.constantFrom<unknown>({}, { apiKey: "key-0123456789" }, { subdomain: "acme" }),
  DateTime: soon,
  URL: fc.constantFrom(word("url"), word("returnUrl"), "https://provider.invalid/path?a=b"),
  Origin: fc.constantFrom(word("origin"), "https://front.invalid"),
  EmailAddress: fc.constantFrom("ada@example.com", "grace.hopper+navy@example.co.uk"),
};

/** By the name of a field, where a text of a certain kind is meant. */
export const NAMED: Record<string, fc.Arbitrary<unknown>> = {
  slug: fc.constantFrom(word("fresh"), word("ownSlug"), "sandbox"),
  connectorSlug: fc.constantFrom("sandbox", word("slug"), word("ownSlug"), "github"),
  connectorSlugs: fc.constantFrom("sandbox", word("slug"), "github"),
  externalId: fc.constantFrom(word("externalId"), word("fresh"), "ada", "grace"),
  locale: fc.constantFrom("en", "de-CH", "zh-Hant-TW"),
  scope: fc.constantFrom("openid", "notes:read notes:write", "openid,profile"),
  scopes: fc.constantFrom("openid", "profile", "email", "offline_access", "notes:read"),
  schemeKey: fc.constantFrom("oauth2", "api-key", "bearer-token"),
  clientId: fc.constantFrom("client-a", "client-b"),
  clientSecret: fc.constant("secret-0123456789"),
  idempotencyKey: fc.constantFrom("first", "second", word("fresh")),
  verification: fc.constantFrom(word("verification"), "nobody-was-given-this"),
  method: fc.constantFrom("GET", "POST", "DELETE"),
  methods: fc.constantFrom("GET", "POST", "DELETE"),
  path: fc.constantFrom("/me", "/notes", "/"),
  events: fc.constantFrom("*", "credential.*", "credential.connected", "connection_request.active"),
  accentColor: fc.constantFrom("#336699", "#ffffff"),
  returnUrl: fc.constant(word("returnUrl")),
  allowedReturnUrls: fc.constant(word("returnUrl")),
  allowedOrigins: fc.constant(word("origin")),
  origin: fc.constant(word("origin")),
  issuer: fc.constant(word("api")),
  baseUrl: fc.constant(word("api")),
  verifyUrl: fc.constant("https://front.invalid/verify"),
  version: fc.constantFrom(1, 2, 3),
  expiresInSeconds: fc.constantFrom(60, 600, 86_400),
  minTtlSeconds: fc.constantFrom(0, 60, 300),
  expectedStatus: fc.constantFrom(200, 204),
  fields: fc.constantFrom<unknown>(
    { apiKey: "key-0123456789" },
    { token: "token-0123456789" },
    {
      accessToken: "token-0123456789",
      refreshToken: "refresh-0123456789",
      expiresAt: "2030-01-01T00:00:00.000Z",
      scope: "openid",
    },
    {},
  ),
  parameters: fc.constantFrom<unknown>({}, { subdomain: "acme" }),
  headers: fc.constantFrom<unknown>({}, { "x-trace": "1" }),
  query: fc.constantFrom<unknown>({}, { page: "1" }),
};
