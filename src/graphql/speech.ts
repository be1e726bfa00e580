import { defaultFieldResolver, type GraphQLResolveInfo, type GraphQLSchema, isInterfaceType, isObjectType } from "graphql";
import { type Translate, translatorFor } from "../words/index.ts";
import type { GraphQLContext } from "./context.ts";

type Resolver = (root: unknown, args: never, context: GraphQLContext, info: GraphQLResolveInfo) => unknown;
type Say = (value: unknown, translate: Translate) => unknown;

const texts: Say = (value, translate) => {
  if (typeof value === "string") return translate(value);
  return Array.isArray(value) ? value.map((one) => texts(one, translate)) : value;
};

/** The keywords of a JSON Schema, and of our `x-ui`, that are read by people. */
const READ_IN_SCHEMA = new Set(["title", "description", "group", "patternMessage"]);

const jsonSchema: Say = (value, translate) => {
  if (Array.isArray(value)) return value.map((one) => jsonSchema(one, translate));
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [
    key,
    READ_IN_SCHEMA.has(key) && typeof inner === "string" ? translate(inner) : jsonSchema(inner, translate),
  ]);
  return Object.fromEntries(entries);
};

/**
 * What we say to people, by type and field: messages, remedies, labels and guides. Names, descriptions and labels that a caller or a provider
 * gave stay as they are, unless we would say the very same. `UserError` stands for every type that implements it.
 */
export const SPOKEN: Readonly<Record<string, Readonly<Record<string, Say>>>> = {
  UserError: { message: texts },
  InputIssue: { message: texts },
  ConnectionFailure: { message: texts, remedy: texts },
  TestResult: { message: texts, remedy: texts },
  TokenRevocation: { message: texts },
  DiagnosticCheck: { message: texts, remedy: texts },
  KeyRotation: { message: texts },
  AuditFault: { message: texts },
  AuthConfig: { statusReason: texts },
  Credential: { statusReason: texts },
  CredentialEvent: { message: texts },
  WebhookDelivery: { lastError: texts },
  Connector: { description: texts, setupGuide: texts },
  ConnectorCategory: { name: texts },
  ConnectorScheme: { name: texts, description: texts, authConfigSchema: jsonSchema, credentialSchema: jsonSchema },
  FieldSpec: { label: texts, description: texts, patternMessage: texts, group: texts },
  FieldOption: { label: texts, description: texts },
  ScopeSpec: { description: texts },
};

/** The resolvers of these fields answer in the caller's language. Whoever reads English pays for one comparison. */
export function speak(schema: GraphQLSchema): GraphQLSchema {
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type)) continue;
    const said = { ...SPOKEN[type.name] };
    for (const { name } of type.getInterfaces()) Object.assign(said, SPOKEN[name]);
    const fields = type.getFields();
    for (const [name, say] of Object.entries(said)) {
      const field = fields[name];
      if (field) field.resolve = speaking((field.resolve ?? defaultFieldResolver) as Resolver, say) as typeof field.resolve;
    }
  }
  for (const name of Object.keys(SPOKEN)) assertThere(schema, name);
  return schema;
}

function speaking(resolve: Resolver, say: Say): Resolver {
  return (root, args, context, info) => {
    const value = resolve(root, args, context, info);
    if (!context?.caller.locale) return value;
    const translate = translatorFor(context.caller.locale);
    if (!translate) return value;
    return value instanceof Promise ? value.then((settled) => say(settled, translate)) : say(value, translate);
  };
}

/** A table that names what is gone would say nothing, silently. */
function assertThere(schema: GraphQLSchema, name: string): void {
  const type = schema.getType(name);
  const fields = isObjectType(type) || isInterfaceType(type) ? type.getFields() : {};
  for (const field of Object.keys(SPOKEN[name]!)) {
    if (!fields[field]) throw new Error(`speech.ts names ${name}.${field}, which the schema does not have.`);
  }
}
