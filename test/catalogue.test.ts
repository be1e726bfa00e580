import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import schema from "../src/catalogue/connector.schema.json" with { type: "json" };
import { type CustomConnectorInput, customConnector, issuerToDiscover } from "../src/catalogue/custom.ts";
import { fieldsToJsonSchema } from "../src/catalogue/field-schema.ts";
import { validateFields } from "../src/catalogue/fields.ts";
import { createCatalogue, loadCatalogue } from "../src/catalogue/index.ts";
import { fieldsOf } from "../src/catalogue/scheme-fields.ts";
import { endpointsOf, hostRulesOf, managedAppAllowed, urlTemplatesOf } from "../src/catalogue/scheme-urls.ts";
import { expand, expandJson, expandUrl, hostVariablesOf, originOf, variablesOf } from "../src/catalogue/templates.ts";
import type { ConnectorDefinition, FieldDefinition, QuirkUse, SchemeDefinition, SchemeType } from "../src/catalogue/types.ts";
import { InvalidInputError } from "../src/lib/errors.ts";
import { QUIRKS } from "../src/schemes/oauth2/index.ts";

const FOLDER = join(import.meta.dirname, "../src/catalogue/connectors");
const FILES = readdirSync(FOLDER);
const read = (file: string) => JSON.parse(readFileSync(join(FOLDER, file), "utf8")) as ConnectorDefinition;
const catalogue = loadCatalogue({ variables: { sandboxIssuer: "http://127.0.0.1:4001" } });

/** What a scheme of each type knows beside what is typed. */
const IMPLIED: Partial<Record<SchemeType, string[]>> = {
  OAUTH1: ["connection.scope"],
  SIGNED_JWT: ["connection.scope", "connection.clientEmail", "connection.keyId", "connection.keyFingerprint"],
};

/** Every text inside a JSON value. */
function strings(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(strings) : [];
}

/** The scheme's own fields that `apply`, where there is one, has to find a place for. */
function ownToPlace(scheme: SchemeDefinition): string[] {
  if (scheme.type === "API_KEY" && scheme.apply) return ["connection.apiKey"];
  return scheme.type === "BASIC" && scheme.apply ? ["connection.username", "connection.password"] : [];
}

describe("each connector file", () => {
  const validate = new Ajv2020({ allErrors: true, strict: true, strictRequired: false, allowUnionTypes: true }).compile(schema);

  it.each(FILES)("%s satisfies the schema and is named after its slug", (file) => {
    expect(validate(read(file)), JSON.stringify(validate.errors)).toBe(true);
    expect(`${read(file).slug}.json`).toBe(file);
  });

  it.each(FILES)("%s declares every template variable, and uses every connection value it asks for", (file) => {
    const definition = read(file);
    for (const scheme of definition.schemes.filter(({ type }) => type !== "NATIVE")) {
      const names = (list: readonly { name: string }[] = []) => list.map(({ name }) => `connection.${name}`);
      const own = names(fieldsOf({ ...scheme, fields: [], discovered: [] }));
      const kept = scheme.type === "TWO_STEP" ? scheme.login.flatMap(({ keep = [] }) => keep) : [];
      const given = names([...(scheme.fields ?? []), ...(scheme.discovered ?? []), ...kept]);
      const used = variablesOf(JSON.stringify({ ...definition, schemes: [scheme] })).filter((name) =>
        name.startsWith("connection."),
      );
      const account = "account" in scheme && scheme.account?.source === "connection" ? scheme.account.id : [];
      used.push(...account.map((name) => `connection.${name}`));
      const mustBeUsed = [...given.filter((name) => !own.includes(name)), ...ownToPlace(scheme)];
      expect(
        mustBeUsed.filter((name) => !used.includes(name)),
        "asked for, and not used",
      ).toEqual([]);
      const known = [...own, ...given, ...(IMPLIED[scheme.type] ?? [])];
      expect(
        used.filter((name) => !known.includes(name)),
        "used, and not declared",
      ).toEqual([]);
    }
    // Whatever else is in braces would be sent with its braces.
    const templates = urlTemplatesOf(definition).map((url) => url.replace(/\{operator\.\w+\}/g, ""));
    for (const url of templates) expect(url.replaceAll(/\{(connection\.\w+|client\.id)(\|[^{}]*)?\}/g, "")).not.toMatch(/[{}]/);
  });

  it.each(FILES)("%s names no function, time or part of a call that is not known", (file) => {
    const known = { method: "m", host: "h", path: "p", target: "t", parameters: "q", bodySha256: "d" };
    const scope = { now: new Date(), random: "r", token: "t", refreshToken: "r", assertion: "a", call: known };
    const { schemes, api } = read(file);
    const texts = strings([schemes.filter(({ type }) => type !== "NATIVE").map(({ fields: _, ...scheme }) => scheme), api]);
    for (const text of texts.filter((one) => /\{(?:now|call\.|assertion)|\{\w+(?:\[[^\]]*\])?\(/.test(one))) {
      // Values are all the same here; a key that is none is told as that, once everything else was filled.
      const connection = new Proxy({}, { get: () => "v", getOwnPropertyDescriptor: () => ({ configurable: true, value: "v" }) });
      const filled = text.includes("{ed25519[") ? text.replace(/^.*\{ed25519\[[^\]]*\]\(|\)\}[^)]*$/gs, "") : text;
      expect(expand(filled, { ...scope, connection }), text).not.toMatch(/[{}]/);
    }
    for (const scheme of schemes) {
      const isProven = scheme.type === "TWO_STEP" && scheme.assertion !== undefined;
      expect(JSON.stringify(scheme).includes("{assertion}")).toBe(isProven);
    }
  });

  it.each(FILES)("%s lets nothing secret into a host", (file) => {
    const definition = read(file);
    for (const scheme of definition.schemes) {
      const hosts = urlTemplatesOf({ ...definition, schemes: [scheme] }).flatMap(hostVariablesOf);
      for (const field of fieldsOf(scheme).filter(({ name }) => hosts.includes(`connection.${name}`))) {
        expect(field.secret, field.name).not.toBe(true);
      }
    }
  });

  it.each(FILES)("%s knows its quirks, anchors its patterns, and repeats itself nowhere", (file) => {
    for (const scheme of read(file).schemes) {
      for (const quirk of (scheme as { quirks?: QuirkUse[] }).quirks ?? []) {
        const known = (QUIRKS as Record<string, { value?: string }>)[quirk.name];
        expect(known, quirk.name).toBeDefined();
        expect(quirk.value !== undefined, quirk.name).toBe(known?.value !== undefined);
      }
      const kept = scheme.type === "TWO_STEP" ? scheme.login.flatMap(({ keep = [] }) => keep) : [];
      const patterns = [...(scheme.fields ?? []), ...(scheme.discovered ?? []), ...kept]
        .map(({ pattern }) => pattern)
        .filter((p) => p !== undefined);
      for (const pattern of patterns) {
        expect(pattern).toMatch(/^\^.*\$$/);
        expect(pattern, "an alternative outside a group is not anchored").not.toMatch(/^\^[^(]*\|/);
        // A quantified group with an unbounded quantifier inside can take exponential time.
        expect(pattern).not.toMatch(/[+*][^()]*\)[+*{]/);
        expect(new RegExp(pattern, "u")).toBeInstanceOf(RegExp);
      }
      const names = (scheme.scopes ?? []).map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
    }
  });

  it("names the same quirks in the schema as the code has", () => {
    const { quirks } = schema.$defs.oauth2.properties;
    expect(quirks.items.properties.name.enum.toSorted()).toEqual(Object.keys(QUIRKS).toSorted());
  });

  it("allows an operator's app exactly where no host is anybody's choice", () => {
    const refused = catalogue.all().filter((definition) => !managedAppAllowed(definition));
    const chosen = catalogue
      .all()
      .filter((definition) => urlTemplatesOf(definition).some((url) => /^(https:\/\/[^/]*)?\{connection\./.test(url)));
    expect(refused.map(({ slug }) => slug)).toEqual(chosen.map(({ slug }) => slug));
    expect(refused.map(({ slug }) => slug)).toEqual(expect.arrayContaining(["salesforce", "shopify", "zoho"]));
  });
});

describe("the catalogue", () => {
  it("offers a connector only where the operator's variables fill it", () => {
    expect(endpointsOf(catalogue.get("sandbox")!.schemes[0]!).tokenUrl).toBe("http://127.0.0.1:4001/token");
    expect(loadCatalogue({ variables: {} }).get("sandbox")).toBeNull();
    expect(loadCatalogue({ variables: {} }).get("github")?.name).toBe("GitHub");
    expect(catalogue.get("__proto__")).toBeNull();
  });

  it("has slugs as clients rely on them, and no name twice, aliases included", () => {
    const all = loadCatalogue({ variables: { sandboxIssuer: "https://sandbox.test" } }).all();
    for (const { slug } of all) expect(slug).toMatch(/^[a-z][a-z0-9-]{1,40}$/);
    const names = all.flatMap(({ slug, aliases = [] }) => [slug, ...aliases]);
    expect(new Set(names).size).toBe(names.length);
  });

  it("is frozen, sorted by name, and counts its categories", () => {
    expect(() => catalogue.get("github")?.categories.push("x")).toThrow(TypeError);
    const names = catalogue.all().map(({ name }) => name);
    expect(names).toEqual(names.toSorted((a, b) => a.localeCompare(b)));
    const connectorCount = catalogue.all().filter(({ categories }) => categories.includes("crm")).length;
    expect(connectorCount).toBeGreaterThanOrEqual(3);
    expect(catalogue.categories().find(({ slug }) => slug === "crm")).toEqual({ slug: "crm", name: "CRM", connectorCount });
  });

  it.each([
    ["github", "github"],
    ["git", "github"],
    ["GITHUB ", "github"],
    ["gihtub", "github"],
    ["githb", "github"],
    ["salesfroce", "salesforce"],
    ["hubs", "hubspot"],
    ["ecommerce", "amazon"],
    ["force", "salesforce"],
    ["microsof", "microsoft"],
  ])("finds “%s” first as %s", (text, slug) => {
    expect(catalogue.search(text)[0]?.slug).toBe(slug);
  });

  it("finds nothing for nonsense or nothing", () => {
    expect(catalogue.search("qqqqqq")).toEqual([]);
    expect(catalogue.search("  ")).toEqual([]);
  });

  it("loads a thousand files and searches them quickly", () => {
    const folder = mkdtempSync(join(tmpdir(), "catalogue-"));
    try {
      const sources = FILES.map(read);
      for (let index = 0; index < 1_000; index++) {
        const source = sources[index % sources.length];
        writeFileSync(
          join(folder, `c${index}.json`),
          JSON.stringify({ ...source, slug: `c${index}`, name: `${source?.name} ${index}` }),
        );
      }
      const variables = { sandboxIssuer: "http://127.0.0.1:4001" };
      const loading = best(5, () => loadCatalogue({ folder, variables }));
      const large = loadCatalogue({ folder, variables });
      large.search("warm");
      // A busy machine gets twice what is promised for a quiet one (60 ms and 5 ms).
      expect(loading).toBeLessThan(120);
      for (const text of ["github 12", "salesfroce", "zzzzzzzz", "a"]) expect(best(5, () => large.search(text))).toBeLessThan(10);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe("templates", () => {
  const scheme = (slug: string) => catalogue.get(slug)?.schemes[0] ?? { fields: [] };
  const fill = (slug: string, url: string, connection: Record<string, unknown>) =>
    expandUrl(url, { connection, clientId: "id/1" }, hostRulesOf(scheme(slug)));

  it("fills hosts and defaults, and encodes what stands in a path", () => {
    const rules = hostRulesOf(scheme("salesforce"));
    const url = "https://{connection.domain|login}.salesforce.com/x";
    expect(expandUrl(url, {}, rules)).toBe("https://login.salesforce.com/x");
    expect(originOf(url, { connection: { domain: "acme--dev.sandbox.my" } }, rules)).toBe(
      "https://acme--dev.sandbox.my.salesforce.com",
    );
    expect(fill("github", "https://api.github.com/applications/{client.id}/token", {})).toBe(
      "https://api.github.com/applications/id%2F1/token",
    );
  });

  it.each([
    "evil.example/",
    "evil.example#",
    "evil.example?",
    "a@evil.example",
    "a:80",
    "a.b",
    "",
    "-a",
    "a_b",
    "a\n",
    "%2e",
    "ａ.com",
    "xn--.",
    "a".repeat(64),
    "..",
  ])("refuses the subdomain %j", (subdomain) => {
    expect(() => fill("shopify", "https://{connection.subdomain}.myshopify.com/admin", { subdomain })).toThrow(/subdomain/);
  });

  it("refuses a host variable without a literal suffix, and one that is not on a closed list", () => {
    expect(() => fill("shopify", "https://{connection.subdomain}/", { subdomain: "acme" })).toThrow();
    expect(() => fill("shopify", "https://{connection.subdomain}.com/", { subdomain: "acme" })).toThrow();
    expect(() => fill("zoho", "https://accounts.{connection.accounts}/", { accounts: "zoho.evil" })).toThrow();
    expect(fill("zoho", "https://accounts.{connection.accounts}/", { accounts: "zoho.com.au" })).toBe(
      "https://accounts.zoho.com.au/",
    );
  });

  it("turns texts into others by the functions it knows, nested too, and leaves everything else in braces alone", () => {
    const scope = { connection: { user: "ada", key: "{base64(no)}" }, random: "n0", now: new Date("2026-01-31T00:00:00.999Z") };
    const base64 = (text: string) => Buffer.from(text).toString("base64");
    expect(expand("Basic {base64({connection.user}:{connection.none|x})}", scope)).toBe(`Basic ${base64("ada:x")}`);
    expect(expand("{base64({sha1Hex(a{connection.nil|}bc)})}!", scope)).toBe(
      `${base64("a9993e364706816aba3e25717850c26c9cd0d89d")}!`,
    );
    expect(expand("{connection.key} {upperSnake({connection.user}-b1)}", scope)).toBe("{base64(no)} ADA_B1");
    expect(expand("{random} {now} {evil(1)} {{connection.user}}", scope)).toBe("n0 2026-01-31T00:00:00Z {evil(1)} {ada}");
    expect(() => expand("{base64({connection.none})}", scope)).toThrow(/connection\.none/);
    expect(() => expand("{random}", {})).toThrow(/random/);
  });

  it("signs with the key that a variable holds, as Duo's documentation and RFC 8032 have it, and shows no key that is none", () => {
    const skey = "Zh5eGmUq9zpfQnyUIu5OL9iWoMMv5ZNmk3zLJ4Ep";
    const lines = [
      "Tue, 21 Aug 2012 17:29:18 -0000",
      "POST",
      "api-xxxxxxxx.duosecurity.com",
      "/accounts/v1/account/list",
      "realname=First%20Last&username=root",
    ];
    const template = `{base64(ikey:{hmacSha1Hex[{connection.key}](${lines.join("\n")})})}`;
    const filled = Buffer.from(expand(template, { connection: { key: skey } }), "base64").toString();
    expect(filled).toBe("ikey:2d97d6166319781b5a3a07af39d366f491234edc");
    // RFC 8032 section 7.1, test 2.
    const seed = "302e020100300506032b6570042204204ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    const pem = `-----BEGIN PRIVATE KEY-----\n${Buffer.from(seed, "hex").toString("base64")}\n-----END PRIVATE KEY-----`;
    const signature = Buffer.from(expand("{ed25519[{connection.key}](r)}", { connection: { key: pem } }), "base64");
    expect(signature.toString("hex")).toBe(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    const wrong = () => expand("{ed25519[{connection.key}](r)}", { connection: { key: skey } });
    expect(wrong).toThrow(/“connection.key” is not a key/);
    expect(wrong).not.toThrow(skey);
    expect(() => expand("{hmacSha1Hex[{connection.none}](r)}", {})).toThrow(/connection\.none/);
  });

  it("writes the time that it is, and some time after it, in the forms that providers want", () => {
    const scope = { now: new Date("2026-02-27T23:59:59.999Z") };
    const moments = ["", ":iso", ":dateTime", ":date", ":rfc2822", ":unix", "+7d:date", "+90s", "+1m:unix", "+2h:dateTime"];
    expect(moments.map((moment) => expand(`{now${moment}}`, scope))).toEqual([
      ...["2026-02-27T23:59:59Z", "2026-02-27T23:59:59Z", "2026-02-27T23:59:59", "2026-02-27"],
      ...["Fri, 27 Feb 2026 23:59:59 +0000", "1772236799", "2026-03-06", "2026-02-28T00:01:29Z", "1772236859"],
      "2026-02-28T01:59:59",
    ]);
    // A form that is not known stops the call: it would go out as something else.
    for (const text of ["{now:rfc3339}", "{now+7y}", "{call.colour}", "{call.method}"])
      expect(() => expand(text, scope)).toThrow();
  });

  it("takes a closed list for literal behind a host's variable, and nothing else", () => {
    const rules = hostRulesOf({
      fields: [
        { name: "zone", label: "Zone", type: "ENUM", options: [{ value: "own.example", label: "" }], for: "credential" },
        { name: "any", label: "Any", type: "STRING", for: "credential" },
      ],
    });
    const at =
      (zone: string, template = "https://{connection.name}.api.{connection.zone}/") =>
      () =>
        expandUrl(template, { connection: { name: "acme", zone, any: zone } }, rules);
    expect(at("own.example")()).toBe("https://acme.api.own.example/");
    expect(at("evil.example")).toThrow(/name/);
    expect(at("own.example", "https://{connection.name}.api.{connection.any}/")).toThrow(/name/);
  });

  it("refuses a path segment that climbs, and leaves other braces in a body alone", () => {
    expect(() => fill("microsoft", "https://login.example/{connection.tenant}/token", { tenant: ".." })).toThrow();
    expect(expandJson({ query: "{viewer{id}}", of: "{connection.a}" }, { connection: { a: 1 } })).toEqual({
      query: "{viewer{id}}",
      of: "1",
    });
  });
});

describe("fields", () => {
  const FIELDS: FieldDefinition[] = [
    {
      name: "mode",
      label: "Mode",
      type: "ENUM",
      default: "key",
      options: [
        { value: "key", label: "Key" },
        { value: "file", label: "File" },
      ],
      for: "credential",
    },
    {
      name: "key",
      label: "Key",
      type: "STRING",
      required: true,
      secret: true,
      minLength: 3,
      maxLength: 5,
      visibleWhen: [{ field: "mode", in: ["key"] }],
      for: "credential",
    },
    { name: "port", label: "Port", type: "INTEGER", min: 1, max: 65535, for: "credential" },
    { name: "site", label: "Site", type: "URL", for: "credential" },
    { name: "sub", label: "Sub", type: "STRING", pattern: "^[a-z]+$", patternMessage: "Small letters only.", for: "credential" },
    { name: "must", label: "Must", type: "BOOLEAN", required: true, for: "credential" },
  ];
  const issues = (values: unknown) => {
    try {
      validateFields(FIELDS, values, ["fields"]);
    } catch (error) {
      if (error instanceof InvalidInputError) return error.issues.map(({ path, code }) => `${path.join(".")} ${code}`).toSorted();
    }
    return [];
  };

  it("fills in defaults, drops what is hidden and what is empty", () => {
    expect(validateFields(FIELDS, { key: "abc", must: true, sub: "" }, []).values).toEqual({
      mode: "key",
      key: "abc",
      must: true,
    });
    expect(validateFields(FIELDS, { mode: "file", key: "abc", must: false }, []).values).toEqual({ mode: "file", must: false });
  });

  it.each([
    [{}, ["fields.key REQUIRED", "fields.must REQUIRED"]],
    [{ mode: "file" }, ["fields.must REQUIRED"]],
    [{ key: "ab", must: "yes" }, ["fields.key TOO_SHORT", "fields.must WRONG_TYPE"]],
    [{ key: "abcdef", must: true, port: 0 }, ["fields.key TOO_LONG", "fields.port OUT_OF_RANGE"]],
    [{ key: "abc", must: true, mode: "x" }, ["fields.mode NOT_ALLOWED"]],
    [{ key: "abc", must: true, sub: "A", site: "nope" }, ["fields.site PATTERN", "fields.sub PATTERN"]],
    [{ key: "abc", must: true, other: 1 }, ["fields.other UNKNOWN_FIELD"]],
    [[], ["fields WRONG_TYPE"]],
  ])("names what is wrong with %j", (values, expected) => {
    expect(issues(values)).toEqual(expected);
  });

  it("gives the very schema that it checks with, as draft 2020-12 with UI hints", () => {
    const jsonSchema = fieldsToJsonSchema(FIELDS);
    const check = new Ajv2020({ strict: false, validateFormats: false }).compile({ ...jsonSchema });
    expect(check({ must: true })).toBe(false);
    expect(check({ must: true, mode: "file" })).toBe(true);
    expect(jsonSchema).toMatchObject({
      properties: { key: { writeOnly: true, "x-ui": { secret: true } }, mode: { default: "key" } },
    });
  });
});

describe("a project's own connector", () => {
  const ENDPOINTS = { authorizationUrl: "https://own.example/authorize", tokenUrl: "https://own.example/token" };
  const make = (oauth2: object, more: Partial<CustomConnectorInput> = {}, allowHttp = false) =>
    customConnector({ slug: "own", name: "Own", scheme: { oauth2 }, ...more }, { allowHttp: () => allowHttp });
  const faults = (oauth2: object, more: Partial<CustomConnectorInput> = {}) => {
    try {
      make(oauth2, more);
    } catch (error) {
      if (error instanceof InvalidInputError) return error.issues.map(({ path, code }) => `${path.join(".")} ${code}`);
    }
    return [];
  };

  it.each([
    ["a b", " "],
    ["a,b", ","],
    ["a, b", ","],
  ])("reads the scopes in %j", (scope, separator) => {
    const [scheme] = make({ ...ENDPOINTS, scope }).schemes;
    expect(scheme?.scopes?.map(({ name }) => name)).toEqual(["a", "b"]);
    expect(scheme?.scopeSeparator).toBe(separator);
  });

  it.each<[object, Partial<CustomConnectorInput>, string[]]>([
    [{}, {}, ["scheme.oauth2.authorizationUrl REQUIRED", "scheme.oauth2.tokenUrl REQUIRED"]],
    [{ ...ENDPOINTS, tokenUrl: "http://own.example/token" }, {}, ["scheme.oauth2.tokenUrl PATTERN"]],
    [{ ...ENDPOINTS, tokenUrl: "https://{connection.x}/token" }, {}, ["scheme.oauth2.tokenUrl PATTERN"]],
    [{ ...ENDPOINTS, tokenUrl: "https://a:b@own.example/" }, {}, ["scheme.oauth2.tokenUrl PATTERN"]],
    [{ ...ENDPOINTS, authorizationUrl: "javascript:alert(1)" }, {}, ["scheme.oauth2.authorizationUrl PATTERN"]],
    [{ ...ENDPOINTS, authorizationParameters: { state: "x" } }, {}, ["scheme.oauth2.authorizationParameters.state NOT_ALLOWED"]],
    [{ ...ENDPOINTS, tokenParameters: { a: "{token}" } }, {}, ["scheme.oauth2.tokenParameters.a PATTERN"]],
    [{ ...ENDPOINTS, scopes: ["a b"] }, {}, ["scheme.oauth2.scopes PATTERN"]],
    [ENDPOINTS, { slug: "Own!" }, ["slug PATTERN"]],
    [
      ENDPOINTS,
      { baseUrl: "https://own.example", verification: { method: "GET", path: "//evil" } },
      ["verification.path PATTERN"],
    ],
    [ENDPOINTS, { verification: { method: "GET", path: "/x" } }, ["baseUrl REQUIRED"]],
  ])("names what is wrong with %j %j", (oauth2, more, expected) => {
    expect(faults(oauth2, more)).toEqual(expected);
  });

  it("takes plain http only where the operator allows it, and discovery for what is not given", () => {
    expect(make({ authorizationUrl: "http://127.0.0.1:1/a", tokenUrl: "http://127.0.0.1:1/t" }, {}, true).kind).toBe("CUSTOM");
    const oauth2 = { issuer: "https://own.example", tokenUrl: "https://own.example/mine" };
    expect(issuerToDiscover(oauth2)).toBe("https://own.example");
    const discovered = {
      issuer: "https://own.example",
      authorizationUrl: "https://own.example/a",
      tokenUrl: "https://own.example/t",
      jwksUri: "https://own.example/jwks",
      tokenAuthMethod: "CLIENT_SECRET_POST" as const,
      issInAuthorizationResponse: true,
      scopesSupported: [],
    };
    const made = customConnector({ slug: "own", name: "Own", scheme: { oauth2 } }, { allowHttp: () => false, discovered });
    expect(made.schemes[0]).toMatchObject({
      authorizationUrl: "https://own.example/a",
      tokenUrl: "https://own.example/mine",
      tokenAuthMethod: "CLIENT_SECRET_POST",
      issInAuthorizationResponse: true,
      account: { source: "idToken" },
    });
    expect(createCatalogue([made]).get("own")?.name).toBe("Own");
    expect(managedAppAllowed(made)).toBe(false);
  });
});

function best(times: number, work: () => unknown): number {
  return Math.min(
    ...Array.from({ length: times }, () => {
      const started = performance.now();
      work();
      return performance.now() - started;
    }),
  );
}
