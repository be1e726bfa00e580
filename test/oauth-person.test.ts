import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { browse, CookieJar, playUser } from "../src/sandbox/play-user.ts";
import { moveClock, RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { payload, send } from "./support/graphql.ts";
import {
  type Begun,
  begin,
  cancel,
  confirm,
  createProject,
  endOf,
  goToConfirmPage,
  press,
  statuses,
  tokenRequests,
} from "./support/oauth.ts";
import { createUser, goToCallback } from "./support/seed.ts";

const VERIFY_URL = "https://app.test/verify?tenant=7";

let app: TestApp;
let verifying: { id: string; key: string };
beforeAll(async () => {
  app = await startTestApp();
  verifying = await createProject(app, app.adminKey, { verifyUrl: VERIFY_URL });
});
afterAll(() => app.close());

/** To the product's verify URL, as the person `choice` describes. */
async function toVerifyUrl({ url }: Pick<Begun, "url">, choice = {}) {
  const { callbackUrl, cookieJar } = await goToCallback(app, url, choice);
  const page = await browse(callbackUrl, { cookieJar, stopAtPrefix: VERIFY_URL });
  const { searchParams, pathname } = new URL(page.redirectedTo!);
  expect(pathname).toBe("/verify");
  return { verification: searchParams.get("verification")!, searchParams, callbackUrl, cookieJar };
}

describe("a forwarded link, without a verify URL", () => {
  test("the victim sees whose account it will be at which product, nothing is redeemed before the click, and “This is not me” ends it", async () => {
    const attacker = await begin(app);
    const { page, press: decide } = await goToConfirmPage(app, attacker.url, { account: "grace" });
    expect(page.status).toBe(200);
    expect(page.body).toContain(`Name of ${attacker.user.externalId}`);
    expect(page.body).toContain("Sandbox account is about to be connected");
    expect(page.body).toContain("This is not me");
    expect(tokenRequests(app, attacker.config.clientId)).toEqual([]);
    expect((await endOf(app, attacker)).status).toBe("AUTHORIZING");

    const { redirectedTo } = await decide("refuse");
    expect(new URL(redirectedTo!).searchParams.get("status")).toBe("CANCELED");
    expect(await endOf(app, attacker)).toMatchObject({ status: "CANCELED", credential: null });
    await decide("connect");
    expect(tokenRequests(app, attacker.config.clientId)).toEqual([]);
    expect(await statuses(app, attacker.session, attacker.request.id)).toEqual(["PENDING", "AUTHORIZING", "CANCELED"]);
  });

  test("reloading the question consumes nothing, and a confirmation posted from elsewhere is refused", async () => {
    const begun = await begin(app);
    const { page, cookieJar, callbackUrl, press: decide } = await goToConfirmPage(app, begun.url);
    await browse(callbackUrl, { cookieJar });
    const stranger = await press(page, "connect", new CookieJar());
    expect([stranger.status, stranger.redirectedTo]).toEqual([400, undefined]);
    const form = new URLSearchParams({ handle: page.forms[0]!.fields[0]![1], decision: "connect" });
    const foreign: Record<string, string>[] = [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }];
    for (const headers of foreign) {
      expect((await browse(`${app.url}/connect/confirm`, { body: form, headers, cookieJar })).status).toBe(403);
    }
    for (const handle of ["", "nonsense", `${form.get("handle")!.slice(0, -4)}AAAA`]) {
      const body = new URLSearchParams({ handle, decision: "connect" });
      expect((await browse(`${app.url}/connect/confirm`, { body, cookieJar })).status, handle).toBe(400);
    }
    expect((await endOf(app, begun)).status).toBe("AUTHORIZING");
    expect(tokenRequests(app, begun.config.clientId)).toEqual([]);
    await decide("connect");
    expect((await endOf(app, begun)).status).toBe("ACTIVE");
    expect(await statuses(app, begun.session, begun.request.id)).not.toContain("VERIFYING");
  });
});

describe("with a verify URL", () => {
  test("the product is asked before the code is redeemed, and its right user makes the credential", async () => {
    const begun = await begin(app, { key: verifying.key });
    const { verification, searchParams } = await toVerifyUrl(begun);
    expect([...searchParams.keys()].sort()).toEqual(["tenant", "verification"]);
    expect(tokenRequests(app, begun.config.clientId)).toEqual([]);
    expect((await endOf(app, begun)).status).toBe("VERIFYING");
    const answer = payload(await confirm(app, verifying.key, verification, begun.user.id), "ConfirmConnectionPayload");
    expect(answer.connectionRequest).toMatchObject({
      status: "ACTIVE",
      credential: { status: "ACTIVE", account: { id: "ada" } },
    });
    expect(await statuses(app, begun.session, begun.request.id)).toEqual([
      "PENDING",
      "AUTHORIZING",
      "VERIFYING",
      "EXCHANGING",
      "ACTIVE",
    ]);
  });

  test("another user than the one who started ends it as USER_MISMATCH, and the code is never redeemed", async () => {
    const attacker = await begin(app, { key: verifying.key });
    const victim = await createUser(app, verifying.key);
    const { verification, callbackUrl, cookieJar } = await toVerifyUrl(attacker, { account: "grace" });
    const { connectionRequest } = payload(await confirm(app, verifying.key, verification, victim.id), "ConfirmConnectionPayload");
    expect(connectionRequest).toMatchObject({ status: "FAILED", failure: { code: "USER_MISMATCH" }, credential: null });
    expect(connectionRequest.failure!.remedy).not.toBe("");
    expect(await confirm(app, verifying.key, verification, attacker.user.id)).toMatchObject({
      __typename: "ConflictError",
      code: "CONFLICT",
    });
    await browse(callbackUrl, { cookieJar, stopAtPrefix: RETURN_URL });
    expect(tokenRequests(app, attacker.config.clientId)).toEqual([]);
    expect((await endOf(app, attacker)).status).toBe("FAILED");
  });

  test("a verification serves once, in its project, for keys, and for a user who exists", async () => {
    const begun = await begin(app, { key: verifying.key });
    const { verification } = await toVerifyUrl(begun);
    const stranger = await createUser(app, app.adminKey);
    expect(await confirm(app, app.adminKey, verification, stranger.id)).toMatchObject({ __typename: "NotFoundError" });
    expect(await confirm(app, begun.session, verification, begun.user.id)).toMatchObject({ __typename: "ForbiddenError" });
    expect(await confirm(app, verifying.key, verification, stranger.id)).toMatchObject({ __typename: "InvalidInputError" });
    expect(await confirm(app, verifying.key, "nonsense", begun.user.id)).toMatchObject({ __typename: "NotFoundError" });
    expect((await endOf(app, begun)).status).toBe("VERIFYING");
    const both = await Promise.all([1, 2].map(() => confirm(app, verifying.key, verification, begun.user.id)));
    expect(both.map((answer) => answer.__typename).sort()).toEqual(["ConfirmConnectionPayload", "ConflictError"]);
    expect(tokenRequests(app, begun.config.clientId)).toHaveLength(1);
  });

  test("a hundred identical callbacks make one verification", async () => {
    const begun = await begin(app, { key: verifying.key });
    const { callbackUrl, cookieJar } = await goToCallback(app, begun.url);
    const pages = await Promise.all(
      Array.from({ length: 100 }, () => browse(callbackUrl, { cookieJar, stopAtPrefix: VERIFY_URL })),
    );
    const sent = pages.filter((page) => page.redirectedTo?.includes("verification="));
    expect(sent).toHaveLength(1);
    expect(pages.filter((page) => page.status >= 400)).toEqual([]);
    expect(await statuses(app, begun.session, begun.request.id)).toEqual(["PENDING", "AUTHORIZING", "VERIFYING"]);
  });

  test("a denial and a cancellation need no verification", async () => {
    const denied = await begin(app, { key: verifying.key });
    const { redirectedTo } = await playUser(denied.url, { deny: true }, { stopAtPrefix: "http://app.test/" });
    expect(new URL(redirectedTo).searchParams.get("status")).toBe("DENIED");
    const begun = await begin(app, { key: verifying.key });
    const { verification } = await toVerifyUrl(begun);
    await cancel(app, begun.session, begun.request.id);
    const answer = payload(await confirm(app, verifying.key, verification, begun.user.id), "ConfirmConnectionPayload");
    expect(answer.connectionRequest).toMatchObject({ status: "CANCELED", credential: null });
    expect(tokenRequests(app, begun.config.clientId)).toEqual([]);
  });

  test("a verification runs out after five minutes, whatever is left of the request", async () => {
    const begun = await begin(app, { key: verifying.key, input: { expiresInSeconds: 3_600 } });
    const { verification } = await toVerifyUrl(begun);
    const late = await begin(app, { key: verifying.key });
    const { callbackUrl, cookieJar } = await goToCallback(app, late.url);
    try {
      await moveClock(app, 301_000);
      expect(await confirm(app, verifying.key, verification, begun.user.id)).toMatchObject({ __typename: "ConflictError" });
      await moveClock(app, 590_000);
      const page = await browse(callbackUrl, { cookieJar, stopAtPrefix: VERIFY_URL });
      await moveClock(app, 590_000 + 290_000);
      const code = new URL(page.redirectedTo!).searchParams.get("verification")!;
      expect(payload(await confirm(app, verifying.key, code, late.user.id), "ConfirmConnectionPayload")).toBeDefined();
    } finally {
      await moveClock(app, 0);
    }
  });
});

test("nobody without the request's project sees its links or its state", async () => {
  const begun = await begin(app);
  const document = "query($id: ID!) { connectionRequest(id: $id) { id } node(id: $id) { id } }";
  const foreign = await send(app, verifying.key, document, { id: begun.request.id });
  expect(foreign.data).toEqual({ connectionRequest: null, node: null });
});
