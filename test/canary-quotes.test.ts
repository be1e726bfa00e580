import { describe, expect, test } from "vitest";
import { secretsOf, withoutSecrets } from "../src/schemes/oauth2/without-secrets.ts";

const SECRET = "s3cret-of-the-client+/=&";
const CODE = "code-0123456789abcdef";

function basic(id: string, secret: string): string {
  const encode = (text: string) => encodeURIComponent(text).replaceAll("%20", "+");
  return `Basic ${Buffer.from(`${encode(id)}:${encode(secret)}`).toString("base64")}`;
}

describe("what a provider quotes of a request is taken out of its words", () => {
  const form = { body: `grant_type=authorization_code&client_id=client-0123456789&scope=read+everything&code=${CODE}` };
  const quotes: [what: string, request: Pick<RequestInit, "headers" | "body">, said: string, shown: string][] = [
    ["a value of a form", form, `Bad code ${CODE}.`, "Bad code [redacted]."],
    ["a piece of one", form, `Bad code ${CODE.slice(0, 14)}…`, "Bad code [redacted]…"],
    ["one in a URL", form, `https://provider.example/?code=${CODE}&x=1`, "https://provider.example/?code=[redacted]&x=1"],
    ["a value of a JSON body", { body: JSON.stringify({ refresh_token: CODE, grant_type: "x" }) }, `no ${CODE}`, "no [redacted]"],
    [
      "a client's secret",
      { headers: { authorization: basic("client", SECRET) } },
      `client:${SECRET} is wrong`,
      "client:[redacted] is wrong",
    ],
    [
      "the same, percent-encoded",
      { headers: { authorization: basic("client", SECRET) } },
      encodeURIComponent(SECRET),
      "[redacted]",
    ],
    [
      "the header as it was sent",
      { headers: { authorization: basic("client", SECRET) } },
      basic("client", SECRET),
      "Basic [redacted]",
    ],
    [
      "a bearer token",
      { headers: { authorization: `Bearer ${CODE}` } },
      `Token "${CODE}" has ended`,
      'Token "[redacted]" has ended',
    ],
    [
      "OAuth 1.0a's tokens",
      {
        headers: {
          authorization: `OAuth oauth_token="${CODE}", oauth_signature="${encodeURIComponent(`${encodeURIComponent(SECRET)}&x`)}"`,
        },
      },
      `${CODE} and ${SECRET}`,
      "[redacted] and [redacted]",
    ],
  ];
  for (const [what, request, said, shown] of quotes)
    test(what, () => expect(withoutSecrets(said, secretsOf(request))).toBe(shown));

  test("and nothing else", () => {
    const said = "client-0123456789 may not ask for read everything with authorization_code";
    expect(withoutSecrets(said, secretsOf(form))).toBe(said);
    expect(withoutSecrets(null, [CODE])).toBeNull();
    expect(withoutSecrets("a code is a code", ["", "code", null, undefined])).toBe("a code is a code");
  });
});
