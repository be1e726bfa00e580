import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isObjectType } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schema } from "../src/graphql/schema.ts";
import { SPOKEN } from "../src/graphql/speech.ts";
import { createDictionary } from "../src/words/dictionary.ts";
import { entriesOf, LANGUAGES, spokenLanguage, translatorFor } from "../src/words/index.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { createConfig, createSession, createUser, initiate } from "./support/seed.ts";
import { overEvents, overWebSocket } from "./support/streams.ts";
import { type Written, writtenInCatalogue, writtenInCode } from "./support/texts.ts";

const placeholders = (text: string) => [...text.matchAll(/\{\d+\}/g)].map(String).toSorted();
const unsaid = (written: Written[], entries: Record<string, string>) =>
  [...new Map(written.map(({ text, where }) => [text, `${where}: ${text}`]))].filter(([text]) => entries[text] === undefined);

describe.each(LANGUAGES.filter((language) => language !== "en"))("the dictionary of “%s”", (language) => {
  const entries = entriesOf(language);
  const translate = translatorFor(language)!;

  test("has every sentence of the code", () => {
    const written = writtenInCode();
    expect(written.length).toBeGreaterThan(800);
    expect(unsaid(written, entries).map(([, where]) => where)).toEqual([]);
  });

  test("has what the connectors say; a new one may be said in English for a while", () => {
    const written = writtenInCatalogue();
    const missing = unsaid(written, entries);
    expect(missing.length, missing.map(([, where]) => where).join("\n")).toBeLessThan(written.length * 0.02);
  });

  test("has nothing that nobody says any more", () => {
    const said = new Set([...writtenInCode(), ...writtenInCatalogue()].map(({ text }) => text));
    // Parts of sentences are found in no list: what stands for a placeholder.
    const fragments = readFileSync(join(import.meta.dirname, "../src/words", language, "fragments.json"), "utf8");
    const known = new Set(Object.keys(JSON.parse(fragments) as object));
    expect(Object.keys(entries).filter((text) => !said.has(text) && !known.has(text))).toEqual([]);
  });

  test("keeps what is put into a sentence", () => {
    for (const [english, said] of Object.entries(entries)) expect(placeholders(said), english).toEqual(placeholders(english));
  });

  test("is quick with what a caller has made long", () => {
    const sentences = "A. ".repeat(900);
    const more = [
      "a must be ".repeat(290),
      "x at ".repeat(200) + "answers (".repeat(90) + " to ".repeat(100),
      "x".repeat(1_000_000),
    ];
    for (const text of [sentences, `There is no field “${sentences}” here; leave it out.`, ...more]) {
      const started = performance.now();
      translate(text);
      expect(performance.now() - started, text.slice(0, 40)).toBeLessThan(500);
    }
  });

  test("finds each sentence again when it is filled in, and no other in its place", () => {
    const fill = (text: string) => text.replace(/\{(\d+)\}/g, "x$1");
    const found = Object.entries(entries).filter(([english, said]) => translate(fill(english)) !== fill(said));
    expect(found.map(([english]) => `${english} → ${translate(fill(english))}`)).toEqual([]);
  });
});

describe("a dictionary", () => {
  const translate = createDictionary({
    "API key": "API-Schlüssel",
    "{1} is required.": "{1} ist erforderlich.",
    "Leave {2} or {1} out.": "Lassen Sie {1} oder {2} weg.",
    "It is gone. Make a new one.": "Er ist weg, machen Sie einen neuen.",
    "{1} must be at most {2}.": "{1} darf höchstens {2} sein.",
    "Try again.": "Versuchen Sie es noch einmal.",
  });

  test.each([
    ["API key is required.", "API-Schlüssel ist erforderlich."],
    ["Leave a or b out.", "Lassen Sie b oder a weg."],
    ["API key is required. Try again.", "API-Schlüssel ist erforderlich. Versuchen Sie es noch einmal."],
    ["It is gone. Make a new one. Try again.", "Er ist weg, machen Sie einen neuen. Versuchen Sie es noch einmal."],
    ["a must be at most 3. API key is required.", "a darf höchstens 3 sein. API-Schlüssel ist erforderlich."],
    ["x says: Something. And more is required.", "x says: Something. And more ist erforderlich."],
    ["Something that is not in it.", "Something that is not in it."],
    ["Something else! Try again.", "Something else! Versuchen Sie es noch einmal."],
    ["", ""],
  ])("says %o as %o", (english, said) => {
    expect(translate(english)).toBe(said);
  });
});

test.each([
  ["de", "de"],
  ["de-AT", "de"],
  ["fr, de;q=0.5", "de"],
  ["en-US,en;q=0.9,de;q=0.8", "en"],
  ["de;q=0.1, en;q=0.2", "en"],
  ["de;q=0", null],
  ["*", null],
  ["xx", null],
  ["", null],
  [null, null],
])("of %o the language is %o", (wanted, language) => {
  expect(spokenLanguage(wanted)).toBe(language);
});

test("every field of the schema that is a sentence or a label of ours is spoken", () => {
  const names = /^(message|remedy|statusReason|patternMessage|setupGuide|lastError|label)$/;
  // What callers gave.
  const theirs = new Set(["Credential.label"]);
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue;
    const said = [type.name, ...type.getInterfaces().map(({ name }) => name)].flatMap((name) => Object.keys(SPOKEN[name] ?? {}));
    const read = Object.keys(type.getFields()).filter((name) => names.test(name) && !theirs.has(`${type.name}.${name}`));
    expect(said, type.name).toEqual(expect.arrayContaining(read));
  }
});

describe("the API", () => {
  let app: TestApp;
  beforeAll(async () => {
    app = await startTestApp();
  });
  afterAll(() => app?.close());

  async function ask(query: string, language: string | null, token: string | null = app.adminKey, variables: object = {}) {
    const response = await fetch(`${app.url}/graphql`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        ...(token && { authorization: `Bearer ${token}` }),
        ...(language && { "accept-language": language }),
      },
      body: JSON.stringify({ query, variables }),
    });
    // biome-ignore lint/suspicious/noExplicitAny: any answer at all
    return (await response.json()) as any;
  }

  test("gives labels, help, headings and the same in the JSON Schema in the language of Accept-Language; values never change", async () => {
    const query = `{ connector(slug: "postgresql") { description schemes { name credentialSchema credentialFields {
      name label group description options { value label } } } } }`;
    const [german, english] = await Promise.all([ask(query, "de-CH, de;q=0.9"), ask(query, "fr")]);
    const of = (answer: typeof german) => answer.data.connector.schemes[0];
    const field = (answer: typeof german, name: string) =>
      of(answer).credentialFields.find((one: { name: string }) => one.name === name);
    expect(field(english, "password")).toMatchObject({ label: "Password", group: "How to sign in" });
    expect(field(german, "password")).toMatchObject({ label: "Passwort", group: "Anmeldung" });
    expect(field(german, "sslMode").options[0]).toMatchObject({ value: "disable", label: "Aus: nicht verschlüsselt" });
    const { password, port } = of(german).credentialSchema.properties;
    expect(password).toMatchObject({ title: "Passwort", "x-ui": { group: "Anmeldung" } });
    expect(port.default).toBe(5432);
    expect(german.data.connector.description).not.toBe(english.data.connector.description);
  });

  test("gives setup guides and what scopes allow", async () => {
    const query = '{ connector(slug: "github") { setupGuide schemes { scopes { name description } } } }';
    const [german, english] = await Promise.all([ask(query, "de"), ask(query, null)]);
    const { setupGuide } = german.data.connector;
    expect(setupGuide).toHaveLength(english.data.connector.setupGuide.length);
    expect(setupGuide.join(" ")).toMatch(/\bSie\b/);
    expect(english.data.connector.setupGuide.join(" ")).not.toMatch(/\bSie\b/);
  });

  test("says what is wrong with an input, issue by issue; codes and paths never change", async () => {
    const query = `mutation($input: CreateCredentialInput!) { createCredential(input: $input) { __typename
      ... on UserError { message code } ... on InvalidInputError { issues { path code message } } } }`;
    const config = await createConfig(app, app.adminKey, { connectorSlug: "postgresql" });
    const user = await createUser(app, app.adminKey);
    const variables = { input: { target: { authConfigId: config.id }, user: { id: user.id }, fields: { port: 70_000 } } };
    const answer = await ask(query, "de", app.adminKey, variables);
    expect(answer.data.createCredential).toMatchObject({ __typename: "InvalidInputError", code: "INVALID_INPUT" });
    expect(answer.data.createCredential.issues).toContainEqual({
      path: ["fields", "password"],
      code: "REQUIRED",
      message: "Passwort ist erforderlich.",
    });
    expect(answer.data.createCredential.message).toContain("Passwort ist erforderlich.");
    expect(answer.data.createCredential.message).not.toMatch(/\b(is|must)\b/);
  });

  test.each([
    [
      "initiateConnection",
      "scopes",
      { target: { connectorSlug: "x" }, scopes: Array(201).fill("s") },
      "at most 200",
      "höchstens 200",
    ],
    ["createCredential", "fields", { target: { connectorSlug: "x" }, fields: "x" }, "an object", "ein Objekt"],
  ])("says in its own words what %s can't take as %s", async (mutation, field, input, english, german) => {
    const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`;
    const query = `mutation($input: ${type}!) { answer: ${mutation}(input: $input) { ... on InvalidInputError { issues { path message } } } }`;
    for (const [language, words] of [["en", english] as const, ["de", german] as const]) {
      const { issues } = (await ask(query, language, app.adminKey, { input })).data.answer;
      expect(issues).toEqual([{ path: [field], message: expect.stringContaining(words) }]);
    }
  });

  test("says how a test ended, and what to do", async () => {
    const query = `mutation($input: TryCredentialInput!) { tryCredential(input: $input) { __typename
      ... on TryCredentialPayload { result { ok code message remedy } } ... on UserError { message } } }`;
    const config = await createConfig(app, app.adminKey, { connectorSlug: "postgresql" });
    const user = await createUser(app, app.adminKey);
    const fields = { host: "db.invalid", username: "ada", password: "x" };
    const variables = { input: { target: { authConfigId: config.id }, user: { id: user.id }, fields } };
    const { result } = (await ask(query, "de", app.adminKey, variables)).data.tryCredential;
    expect(result).toMatchObject({ ok: false, code: "HOST_NOT_FOUND" });
    expect(`${result.message} ${result.remedy}`).toMatch(/\b(nicht|Sie)\b/);
    expect(`${result.message} ${result.remedy}`).not.toMatch(/\b(the|was|your)\b/i);
  });

  test("says top-level errors so, before and after it is known who calls", async () => {
    const stranger = await ask("{ viewer { kind } }", "de", null);
    expect(stranger.errors[0]).toMatchObject({ extensions: { code: "UNAUTHENTICATED" } });
    expect(stranger.errors[0].message).toMatch(/\bSie\b/);
    const both = await ask("{ users(first: 1, last: 1) { totalCount } }", "de");
    expect(both.errors[0]).toMatchObject({ extensions: { code: "BAD_REQUEST" } });
    expect(both.errors[0].message).toMatch(/nicht beide/);
  });

  test("without Accept-Language speaks the session's language", async () => {
    const user = await createUser(app, app.adminKey);
    const german = await createSession(app, app.adminKey, user.id, { locale: "de" });
    const query = '{ connector(slug: "postgresql") { schemes { credentialFields { label } } } }';
    const labels = async (language: string | null) =>
      (await ask(query, language, german)).data.connector.schemes[0].credentialFields.map(
        ({ label }: { label: string }) => label,
      );
    expect(await labels(null)).toContain("Passwort");
    expect(await labels("en")).toContain("Password");
  });

  test("speaks so over WebSocket, by connectionParams.locale, and over events", async () => {
    const config = await createConfig(app, app.adminKey);
    const user = await createUser(app, app.adminKey);
    const { id } = await initiate(app, app.adminKey, { target: { authConfigId: config.id }, user: { id: user.id } });
    const query = "subscription($id: ID!) { connectionRequestUpdated(id: $id) { connector { setupGuide } } }";
    const options = { url: app.url, token: app.adminKey, query, variables: { id } };
    type Frame = { connector: { setupGuide: string[] } };
    for (const subscribe of [overWebSocket, overEvents]) {
      const [german, english] = [subscribe<Frame>({ ...options, locale: "de" }), subscribe<Frame>(options)];
      const [[said], [meant]] = await Promise.all([german.take(1), english.take(1)]);
      expect(said!.connector.setupGuide).not.toEqual(meant!.connector.setupGuide);
      await Promise.all([german.stop(), english.stop()]);
    }
  });
});
