import type { AssertionDefinition, ConnectionValues, TwoStepSchemeDefinition } from "../../catalogue/types.ts";
import { Secret } from "../../lib/secret.ts";
import { expandAll } from "../oauth2/client.ts";
import { readKeyFile, unreadable } from "../signed-jwt/key-file.ts";
import { importKey, sign } from "../signed-jwt/sign.ts";
import { saml2Assertion } from "./saml2.ts";

/** What proves a login, where the data say what that is. Throws Failure where the key is none. */
export async function assertionOf(scheme: TwoStepSchemeDefinition, values: ConnectionValues): Promise<Secret | undefined> {
  const { assertion } = scheme;
  return assertion && (assertion.type === "JWT" ? jwt(scheme, assertion, values) : saml2(scheme, assertion, values));
}

type Of<Type extends AssertionDefinition["type"]> = Extract<AssertionDefinition, { type: Type }>;

async function jwt(scheme: TwoStepSchemeDefinition, { type: _, ...assertion }: Of<"JWT">, values: ConnectionValues) {
  const { privateKey, ...what } = assertion;
  const { key = "" } = expandAll({ scheme, values, clientId: "" }, { key: privateKey });
  const { fields, discovered, name } = scheme;
  return (await sign({ ...what, fields, discovered, key: scheme.key, name }, { ...values, privateKey: key })).jwt;
}

function saml2(scheme: TwoStepSchemeDefinition, assertion: Of<"SAML2">, values: ConnectionValues): Secret {
  const client = { scheme, values, clientId: "" };
  const { privateKey, issuer, audience, recipient, nameId, lifetimeSeconds } = assertion;
  const filled = expandAll(client, { privateKey, issuer, audience, recipient, nameId });
  const key = importKey(readKeyFile(filled.privateKey).key, "RS256");
  if (key.asymmetricKeyType !== "rsa") throw unreadable("The key that was entered is not an RSA key.");
  const attributes = expandAll(client, assertion.attributes);
  const { issuer: by = "", audience: to = "", recipient: at = "", nameId: who = "" } = filled;
  return new Secret(saml2Assertion({ issuer: by, audience: to, recipient: at, nameId: who, attributes, lifetimeSeconds }, key));
}
