import rjsf from "@rjsf/core";
import type { RJSFSchema } from "@rjsf/utils";
import { customizeValidator } from "@rjsf/validator-ajv8";
import { Ajv2020 } from "ajv/dist/2020.js";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";

/**
 * Every form of the catalogue, read through GraphQL and given to a JSON-Schema form library as it is: what a product's front end would do.
 * (react-jsonschema-form: the most used one, kept by a group of people.)
 */

const Form = ("default" in rjsf ? rjsf.default : rjsf) as typeof rjsf;
const validator = customizeValidator({ AjvClass: Ajv2020 as never });

interface Field {
  name: string;
  label: string;
  type: string;
  required: boolean;
  secret: boolean;
  default: unknown;
  options: { value: string; label: string }[] | null;
  visibleWhen: { field: string; in: unknown[] }[] | null;
}

interface Described {
  connector: string;
  key: string;
  place: string;
  fields: Field[];
  schema: RJSFSchema;
}

const FIELDS = "name label type required secret default options { value label } visibleWhen { field in }";
const PAGE = `query($after: String) {
  connectors(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { slug schemes { key authConfigFields { ${FIELDS} } authConfigSchema credentialFields { ${FIELDS} } credentialSchema } }
  }
}`;

interface Scheme {
  key: string;
  authConfigFields: Field[];
  authConfigSchema: RJSFSchema;
  credentialFields: Field[];
  credentialSchema: RJSFSchema;
}

interface Page {
  connectors: { pageInfo: { hasNextPage: boolean; endCursor: string }; nodes: { slug: string; schemes: Scheme[] }[] };
}

let app: TestApp;
const forms: Described[] = [];
beforeAll(async () => {
  app = await startTestApp();
  for (let after: string | null = null, more = true; more; ) {
    const { connectors }: Page = await run<Page, object>(app, app.adminKey, PAGE, { after });
    for (const { slug, schemes } of connectors.nodes) forms.push(...schemes.flatMap((scheme) => described(slug, scheme)));
    ({ hasNextPage: more, endCursor: after } = connectors.pageInfo);
  }
}, 120_000);
afterAll(() => app?.close());

function described(connector: string, scheme: Scheme): Described[] {
  return [
    { connector, key: scheme.key, place: "authConfig", fields: scheme.authConfigFields, schema: scheme.authConfigSchema },
    { connector, key: scheme.key, place: "credential", fields: scheme.credentialFields, schema: scheme.credentialSchema },
  ];
}

const nameOf = ({ connector, key, place }: Described) => `${connector} ${key} ${place}`;

/** `x-ui` in the words of this library; JSON may be pasted as text. */
function uiOf(fields: Field[]) {
  const secret = { "ui:widget": "password" };
  return Object.fromEntries(
    fields.map((field) => [field.name, !field.secret ? {} : field.type === "JSON" ? { anyOf: [secret, {}] } : secret]),
  );
}

function render({ schema, fields }: Described, formData: object): string {
  const { $schema: _dialect, ...plain } = schema;
  return renderToStaticMarkup(
    createElement(Form, {
      schema: plain as RJSFSchema,
      uiSchema: uiOf(fields),
      validator,
      formData,
      idPrefix: "f",
      tagName: "div",
    }),
  );
}

function defaultsOf({ fields }: Described): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => (field.default === null ? [] : [[field.name, field.default]])));
}

/** What the library's validator finds in a form that nobody has touched. */
function faults(form: Described) {
  const { errors } = validator.rawValidation(form.schema, defaultsOf(form));
  return (errors ?? []) as { keyword: string; instancePath: string; params: { missingProperty?: string } }[];
}

describe("a form library", () => {
  test("has all of them", () => {
    expect(forms.length).toBeGreaterThan(2_000);
    expect(forms.filter(({ fields }) => fields.length > 0).length).toBeGreaterThan(800);
  });

  test("draws every field of every form", { timeout: 120_000 }, () => {
    const wrong: string[] = [];
    for (const form of forms) {
      if (form.fields.length === 0) continue;
      const html = render(form, {});
      if (/unsupported|unknown field type/i.test(html)) wrong.push(`${nameOf(form)}: unsupported`);
      for (const { name, secret } of form.fields) {
        const own = new RegExp(`<(input|select|textarea)[^>]*id="f_${name}[^>]*`).exec(html)?.[0];
        if (!own) wrong.push(`${nameOf(form)} ${name}: not drawn`);
        else if (secret && !own.includes('type="password"') && !own.includes("__anyof_select"))
          wrong.push(`${nameOf(form)} ${name}: shown`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("asks for what is required, when it is shown, and for nothing else", { timeout: 120_000 }, () => {
    const wrong: unknown[] = [];
    for (const form of forms) {
      const missing: string[] = [];
      for (const { keyword, params, instancePath } of faults(form)) {
        if (keyword === "required") missing.push(params.missingProperty!);
        else if (keyword !== "if") wrong.push(`${nameOf(form)}${instancePath}: its default breaks ${keyword}`);
      }
      const defaults = defaultsOf(form);
      const isShown = ({ visibleWhen }: Field) => (visibleWhen ?? []).every((one) => one.in.includes(defaults[one.field]));
      const needed = form.fields.filter((field) => field.required && field.default === null && isShown(field));
      const names = needed.map(({ name }) => name).sort();
      if (String([...new Set(missing)].sort()) !== String(names)) wrong.push([nameOf(form), missing, names]);
    }
    expect(wrong).toEqual([]);
  });

  test("finds every condition's field and value", () => {
    for (const form of forms) {
      for (const { name, visibleWhen } of form.fields) {
        for (const { field, in: values } of visibleWhen ?? []) {
          const other = form.fields.find((one) => one.name === field);
          expect(other, `${nameOf(form)} ${name}`).toBeDefined();
          if (other?.options) expect(other.options.map(({ value }) => value)).toEqual(expect.arrayContaining(values));
        }
      }
    }
  });
});
