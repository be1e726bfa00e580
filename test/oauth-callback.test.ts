import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browse, CookieJar, playUser } from "../src/sandbox/play-user.ts";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { send } from "./support/graphql.ts";
import { begin, endOf, goToConfirmPage, press, statuses, tokenRequests } from "./support/oauth.ts";
import { goThrough, goToCallback, initiate } from "./support/seed.ts";

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

async function open(url: string, init: RequestInit = {}) {
  return fetch(url, { redirect: "manual", ...init });
}

function changed(url: string, change: (parameters: URLSearchParams) => void): string {
  const other = new URL(url);
  change(other.searchParams);
  return other.href;
}

describe("the authorization request", () => {
  test("carries PKCE, a state, a nonce and the exact redirect URI, new ones at each opening, bound to the browser by a cookie", async () => {
    const { url, config } = await begin(app);
    const answers = [await open(url), await open(url)];
    const requests = answers.map((answer) => new URL(answer.headers.get("location")!));
    for (const { searchParams } of requests) {
      expect(searchParams.get("response_type")).toBe("code");
      expect(searchParams.get("client_id")).toBe(config.clientId);
      expect(searchParams.get("redirect_uri")).toBe(`${app.url}/oauth/callback/sandbox`);
      expect(searchParams.get("code_challenge_method")).toBe("S256");
      expect(searchParams.get("code_challenge")).toMatch(/^[\w-]{43}$/);
      expect(searchParams.get("state")).toMatch(/^[\w-]{43,}$/);
      expect(searchParams.get("nonce")).toMatch(/^[\w-]{43,}$/);
      expect(searchParams.get("scope")?.split(" ")).toContain("openid");
    }
    for (const name of ["state", "nonce", "code_challenge"]) {
      expect(requests[0]!.searchParams.get(name)).not.toBe(requests[1]!.searchParams.get(name));
    }
    for (const answer of answers) {
      expect(answer.status).toBe(303);
      expect(answer.headers.get("set-cookie")).toMatch(/; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(answer.headers.get("referrer-policy")).toBe("no-referrer");
    }
  });

  test("takes its redirect URI from the configuration and from no header", async () => {
    const { url } = await begin(app);
    const answer = await open(url, {
      headers: { "x-forwarded-host": "evil.example", forwarded: "host=evil.example", "x-forwarded-proto": "https" },
    });
    expect(new URL(answer.headers.get("location")!).searchParams.get("redirect_uri")).toBe(`${app.url}/oauth/callback/sandbox`);
  });

  test("is not begun by HEAD nor by a browser that reads ahead", async () => {
    const { url, session, request } = await begin(app);
    expect((await open(url, { method: "HEAD" })).headers.get("set-cookie")).toBeNull();
    const ahead = await open(url, { headers: { "sec-purpose": "prefetch" } });
    expect([ahead.status, ahead.headers.get("location")]).toEqual([503, null]);
    expect((await endOf(app, { session, request })).status).toBe("PENDING");
  });

  test("can be opened by a mail scanner before the person, who still gets through", async () => {
    const { url, session, request } = await begin(app);
    await open(url);
    await open(url);
    await goThrough(url);
    expect((await endOf(app, { session, request })).status).toBe("ACTIVE");
  });
});

describe("a callback that is not the answer to this browser's flow", () => {
  test("with missing, empty, wrong or repeated state changes nothing and says what to do", async () => {
    const { url, session, request, config } = await begin(app);
    const { callbackUrl, cookieJar } = await goToCallback(app, url);
    const state = new URL(callbackUrl).searchParams.get("state")!;
    const strange = [
      changed(callbackUrl, (parameters) => parameters.delete("state")),
      changed(callbackUrl, (parameters) => parameters.set("state", "")),
      changed(callbackUrl, (parameters) => parameters.set("state", "x".repeat(43))),
      changed(callbackUrl, (parameters) => parameters.set("state", "\u0000'\"<script>")),
      changed(callbackUrl, (parameters) => parameters.append("state", state)),
      changed(callbackUrl, (parameters) => parameters.append("state", "another")),
      `${app.url}/oauth/callback/sandbox`,
      `${app.url}/oauth/callback/sandbox?error=access_denied`,
    ];
    for (const one of strange) {
      const page = await browse(one, { cookieJar });
      expect([page.status, page.headers.get("content-type")], one).toEqual([400, "text/html; charset=utf-8"]);
      expect(page.body).toContain("start again");
      expect(page.body).not.toContain("<script>");
    }
    expect((await endOf(app, { session, request })).status).toBe("AUTHORIZING");
    expect(tokenRequests(app, config.clientId)).toEqual([]);
  });

  test("at another connector's address, in another browser, or of another user's flow changes nothing", async () => {
    const { url, session, request, config } = await begin(app);
    const { callbackUrl, cookieJar } = await goToCallback(app, url);
    for (const key of ["github", "ccn_01k00000000000000000000000", "sandbox%2F", "unknown"]) {
      const page = await browse(callbackUrl.replace("/callback/sandbox", `/callback/${key}`), { cookieJar });
      expect(page.status, key).toBe(400);
    }
    const stranger = await browse(callbackUrl, { cookieJar: new CookieJar() });
    expect(stranger.status).toBe(400);
    expect(stranger.body).toContain("another browser");
    const victim = await begin(app);
    const { cookieJar: victimsBrowser } = await goToCallback(app, victim.url);
    expect((await browse(callbackUrl, { cookieJar: victimsBrowser })).status).toBe(400);
    for (const [one, expected] of [
      [{ session, request }, "AUTHORIZING"],
      [victim, "AUTHORIZING"],
    ] as const) {
      expect((await endOf(app, one)).status).toBe(expected);
    }
    expect(tokenRequests(app, config.clientId)).toEqual([]);
    const page = await browse(callbackUrl, { cookieJar });
    await press(page, "connect", cookieJar);
    expect((await endOf(app, { session, request })).status).toBe("ACTIVE");
  });
});

describe("once only", () => {
  test("a hundred identical callbacks and posts cause one token request, and every loser is told the stored outcome", async () => {
    const { url, session, request, config } = await begin(app, { switches: { tokenDelayMs: 300 } });
    const { page, cookieJar, callbackUrl } = await goToConfirmPage(app, url);
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        index % 4 === 3 ? browse(callbackUrl, { cookieJar, stopAtPrefix: RETURN_URL }) : press(page, "connect", cookieJar),
      ),
    );
    expect(tokenRequests(app, config.clientId)).toHaveLength(1);
    const back = outcomes.flatMap(({ redirectedTo }) => (redirectedTo ? [new URL(redirectedTo).searchParams.get("status")] : []));
    expect(new Set(back)).toEqual(new Set(["ACTIVE"]));
    // All of the posts; of the callbacks, which consume nothing, those that came early were shown the question.
    expect(back.length).toBeGreaterThanOrEqual(75);
    expect((await endOf(app, { session, request })).status).toBe("ACTIVE");
    expect(await statuses(app, session, request.id)).toEqual(["PENDING", "AUTHORIZING", "EXCHANGING", "ACTIVE"]);
  });

  test("a callback URL that comes again shows the outcome here and nothing in another browser", async () => {
    const { url, session, request, config } = await begin(app);
    const { press: decide, callbackUrl, cookieJar } = await goToConfirmPage(app, url);
    await decide("connect");
    const again = await browse(callbackUrl, { cookieJar, stopAtPrefix: RETURN_URL });
    expect(new URL(again.redirectedTo!).searchParams.get("status")).toBe("ACTIVE");
    const denied = changed(callbackUrl, (parameters) => parameters.set("error", "access_denied"));
    await browse(denied, { cookieJar, stopAtPrefix: RETURN_URL });
    const elsewhere = await browse(callbackUrl, { cookieJar: new CookieJar(), stopAtPrefix: RETURN_URL });
    expect([elsewhere.status, elsewhere.redirectedTo]).toEqual([400, undefined]);
    expect(tokenRequests(app, config.clientId)).toHaveLength(1);
    expect((await endOf(app, { session, request })).status).toBe("ACTIVE");
  });

  test("of two openings of one link the first valid answer wins, and the other is told so", async () => {
    const { url, session, request, config } = await begin(app);
    const first = await goToConfirmPage(app, url, { account: "ada" });
    const second = await goToConfirmPage(app, url, { account: "grace" });
    await second.press("connect");
    const late = await first.press("connect");
    expect(new URL(late.redirectedTo!).searchParams.get("status")).toBe("ACTIVE");
    expect((await endOf(app, { session, request })).credential?.account?.id).toBe("grace");
    expect(tokenRequests(app, config.clientId)).toHaveLength(1);
  });
});

describe("where the browser goes", () => {
  test("the return URL gets the request's id and outcome, and no code, token or state", async () => {
    const { url, request } = await begin(app, { input: { clientState: "tab=7&x" } });
    const { redirectedTo } = await goThrough(url);
    const back = new URL(redirectedTo);
    expect([...back.searchParams.keys()].sort()).toEqual(["clientState", "connectionRequestId", "status"]);
    expect(Object.fromEntries(back.searchParams)).toEqual({
      connectionRequestId: request.id,
      status: "ACTIVE",
      clientState: "tab=7&x",
    });
    expect(back.hash).toBe("");
  });

  test.each([
    ["returnUrl", { returnUrl: `${RETURN_URL}/` }],
    ["returnUrl", { returnUrl: `${RETURN_URL}?next=1` }],
    ["returnUrl", { returnUrl: "https://evil.example/connected" }],
    ["origin", { origin: "https://evil.example" }],
  ])("a %s off the list is refused when the request is created", async (field, input) => {
    const { session, config } = await begin(app);
    const document = `mutation($input: InitiateConnectionInput!) { initiateConnection(input: $input) { __typename ... on InvalidInputError { issues { path code } } } }`;
    const { data } = await send(app, session, document, { input: { target: { authConfigId: config.id }, ...input } });
    expect(data).toEqual({
      initiateConnection: { __typename: "InvalidInputError", issues: [{ path: [field], code: "NOT_ALLOWED" }] },
    });
  });

  test("a popup tells the registered origin only, and not before the end", async () => {
    const { url, request } = await begin(app, { input: { display: "POPUP", origin: "http://app.test", returnUrl: undefined } });
    const start = await browse(url.replace(/\/authorize$/, ""));
    expect(start.body).not.toContain("postMessage");
    const { press: decide } = await goToConfirmPage(app, url);
    const page = await decide("connect");
    expect(page.body).toContain('data-origin="http://app.test"');
    expect(page.body).toContain(`data-request="${request.id}" data-status="ACTIVE"`);
    expect(page.body).toMatch(/postMessage\(\{ type: "moorline:connection", version: 1, [^)]*\}, origin\)/);
    expect(page.body).not.toMatch(/postMessage\([^)]*["']\*["']/);
  });

  test("an answer by form_post is taken up by a same-site redirect, for a minute", async () => {
    const { url, session, request } = await begin(app);
    const { callbackUrl, cookieJar } = await goToCallback(app, url);
    const { origin, pathname, searchParams } = new URL(callbackUrl);
    const posted = await open(`${origin}${pathname}`, {
      method: "POST",
      body: searchParams,
      headers: { origin: app.sandbox!.issuer },
    });
    expect(posted.status).toBe(303);
    const location = posted.headers.get("location")!;
    expect(location).not.toContain(searchParams.get("code")!);
    expect((await browse(`${app.url}${location.replace("/sandbox", "/github")}`, { cookieJar })).status).toBe(400);
    expect((await browse(`${app.url}${location.slice(0, -3)}AAA`, { cookieJar })).status).toBe(400);
    const page = await browse(`${app.url}${location}`, { cookieJar });
    await press(page, "connect", cookieJar);
    expect((await endOf(app, { session, request })).status).toBe("ACTIVE");
  });

  test("its pages are not stored, send no referrer, cannot be framed and run nothing from elsewhere", async () => {
    const { url } = await begin(app);
    const { page, cookieJar, callbackUrl } = await goToConfirmPage(app, url);
    const refused = await browse(callbackUrl);
    const start = await browse(url.replace(/\/authorize$/, ""));
    for (const { headers } of [page, refused, start]) {
      expect(headers.get("cache-control")).toBe("no-store");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      const policy = headers.get("content-security-policy")!;
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).toContain("base-uri 'none'");
      expect(policy).not.toMatch(/unsafe|\*|https?:/);
    }
    expect(cookieJar).toBeDefined();
  });

  test("an unknown link is a plain page that says what to do", async () => {
    for (const token of ["nonsense", `${"A".repeat(60)}`, "%00", "..%2f"]) {
      for (const path of [`/connect/${token}`, `/connect/${token}/authorize`]) {
        const page = await browse(`${app.url}${path}`);
        expect(page.status, path).toBe(404);
        expect(page.headers.get("set-cookie")).toBeNull();
      }
    }
  });
});

test("a session gets links for its own requests only, and the hosted page leads to the same flow", async () => {
  const { session, config } = await begin(app);
  const request = await initiate(app, session, { target: { authConfigId: config.id }, returnUrl: RETURN_URL });
  const page = await browse(request.connectUrl!);
  expect(page.body).toContain(request.authorizationUrl!);
  await playUser(request.authorizationUrl!, {}, { stopAtPrefix: RETURN_URL });
  const done = await browse(request.connectUrl!);
  expect(done.body).toContain("is connected");
});
