import { describe, expect, test } from "vitest";
import { fieldsToJsonSchema } from "../src/catalogue/field-schema.ts";
import { validateFields } from "../src/catalogue/fields.ts";
import { loadCatalogue } from "../src/catalogue/index.ts";
import { variablesOf } from "../src/catalogue/templates.ts";
import type { FieldDefinition, NativeSchemeDefinition } from "../src/catalogue/types.ts";
import { FAMILIES, isProbed } from "../src/probes/index.ts";

const ENTRIES = loadCatalogue({ variables: {} })
  .all()
  .filter(({ kind }) => kind === "NATIVE");
const CASES = ENTRIES.map(({ slug, schemes }) => ({ slug, scheme: schemes[0] as NativeSchemeDefinition }));
const schemeOf = (slug: string) => CASES.find((entry) => entry.slug === slug)!.scheme;
const fieldOf = (slug: string, name: string) => schemeOf(slug).fields.find((field) => field.name === name)!;
const values = ({ options = [] }: FieldDefinition) => options.map(({ value }) => value);

/** Names of values that say where a driver connects to. */
const PLACE =
  /^(host|hostname|port|url|urls|uri|servers|hosts|members|contactPoints|bootstrapServers|address|node|.*Url|endpoint|connectString|connectionString)$/;
/** Names of values that open something. */
const SECRET = /(password|secret|secretAccessKey|token|apiKey|privateKey|passphrase|clientKey|accountKey)$/i;

describe("native connectors", () => {
  test("there are more than 160, and a test really connects for most of them", () => {
    expect(ENTRIES.length).toBeGreaterThan(160);
    expect(CASES.filter(({ scheme }) => isProbed(scheme)).length / ENTRIES.length).toBeGreaterThan(0.5);
  });

  test("each protocol family serves a connector", () => {
    const used = new Set(CASES.map(({ scheme }) => scheme.probe));
    expect(Object.keys(FAMILIES).filter((name) => !used.has(name))).toEqual([]);
  });

  test.each(CASES)("$slug: what says where secrets go is known as such", ({ slug, scheme }) => {
    const names = scheme.fields.map(({ name }) => name);
    const places = scheme.fields.filter(({ name, type }) => type === "HOST" || PLACE.test(name));
    expect(scheme.address, slug).toEqual(expect.arrayContaining(places.map(({ name }) => name)));
    expect(names).toEqual(expect.arrayContaining(scheme.address));
    expect(new Set(names).size).toBe(names.length);
  });

  test.each(CASES)("$slug: secrets are secret, and a form can be drawn of all fields", ({ scheme }) => {
    const open = scheme.fields.filter(({ name, secret, type }) => SECRET.test(name) && !secret && type !== "ENUM");
    expect(open.map(({ name }) => name)).toEqual([]);
    for (const field of scheme.fields) {
      expect(field.label.trim(), field.name).not.toBe("");
      if (field.type === "ENUM") expect(field.options, field.name).not.toEqual([]);
      if (field.pattern && !field.secret) expect(field.patternMessage, field.name).toBeTruthy();
      for (const { field: other } of field.visibleWhen ?? [])
        expect(
          scheme.fields.some(({ name }) => name === other),
          `${field.name} depends on ${other}`,
        ).toBe(true);
    }
    expect(Object.keys(fieldsToJsonSchema(scheme.fields).properties as object)).toHaveLength(scheme.fields.length);
  });

  test.each(CASES.filter(({ scheme }) => scheme.probe === "http"))(
    "$slug: its calls speak of fields that it has",
    ({ scheme }) => {
      const known = new Set([...scheme.fields.map(({ name }) => name), "accessToken"]);
      for (const request of scheme.requests ?? []) {
        const spoken = variablesOf(JSON.stringify(request)).map((name) => name.slice("connection.".length));
        const conditions = [request.when, ...(request.login ?? []).map(({ when }) => when)].flatMap((one) => one ?? []);
        for (const name of [...spoken, ...conditions.map(({ field }) => field)]) expect(known, name).toContain(name);
      }
    },
  );

  test("PostgreSQL asks for what libpq needs, with its four SSL modes", () => {
    expect(fieldOf("postgresql", "port")).toMatchObject({ type: "INTEGER", default: 5432, min: 1, max: 65_535 });
    expect(values(fieldOf("postgresql", "sslMode"))).toEqual(["disable", "require", "verify-ca", "verify-full"]);
    expect(fieldOf("postgresql", "caCertificate")).toMatchObject({
      type: "FILE",
      group: "tls",
      visibleWhen: [{ field: "sslMode" }],
    });
    const typed = { host: "db.example.com", username: "ada", password: "x" };
    expect(validateFields(schemeOf("postgresql").fields, typed, []).values).toMatchObject({ port: 5432, database: "postgres" });
    expect(() => validateFields(schemeOf("postgresql").fields, { ...typed, port: 70_000 }, [])).toThrow(/at most 65535/);
    expect(() => validateFields(schemeOf("postgresql").fields, { ...typed, host: "https://db" }, [])).toThrow(/host name/);
  });

  test("S3 asks for its two keys, region and bucket; Kafka for servers, protocol and mechanism", () => {
    const required = schemeOf("s3").fields.filter((field) => field.required);
    expect(required.map(({ name }) => name)).toEqual(["accessKeyId", "secretAccessKey", "region", "bucket"]);
    expect(values(fieldOf("kafka", "securityProtocol"))).toEqual(["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]);
    expect(values(fieldOf("kafka", "saslMechanism"))).toEqual(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]);
    expect(fieldOf("kafka", "saslMechanism").visibleWhen).toEqual([
      { field: "securityProtocol", in: ["SASL_PLAINTEXT", "SASL_SSL"] },
    ]);
    expect(() => validateFields(schemeOf("kafka").fields, { bootstrapServers: "a b" }, [])).toThrow(/commas/);
  });
});
