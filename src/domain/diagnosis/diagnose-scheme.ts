/** What each way to authenticate can prove of a configuration without a user. */
import { fieldsFor, isVisible } from "../../catalogue/fields.ts";
import type { OAuth1SchemeDefinition, OAuth2SchemeDefinition } from "../../catalogue/types.ts";
import type { AuthConfig } from "../../db/generated/client.ts";
import { Failure } from "../../lib/failure.ts";
import { type Check, failed, passed, skipped } from "../../schemes/check.ts";
import { oauth1, oauth2, SCHEMES, type TestOutcome } from "../../schemes/index.ts";
import type { CallOptions, OAuth2Client } from "../../schemes/oauth2/types.ts";
import { outcomeOf, testDraft, withTokens } from "../draft-credential.ts";
import type { Services } from "../services.ts";
import { fillUrl } from "./diagnose-places.ts";
import type { Subject } from "./diagnose-subject.ts";

export async function checksOfScheme(services: Services, subject: Subject, options: CallOptions): Promise<Check[]> {
  const { scheme } = subject;
  if (scheme.type === "OAUTH2") return oauth2Checks(subject, scheme, { ...options, allowHttp: services.allowHttp });
  if (scheme.type === "OAUTH1") return [await oauth1Check(subject, scheme, options)];
  if (SCHEMES[scheme.type].redirects) return clientIsUnproven(subject);
  return [await credentialCheck(services, subject)];
}

function clientIsUnproven({ noClient }: Subject): Check[] {
  return [
    noClient ?? skipped("CLIENT_AUTHENTICATED", "This way to authenticate gives no way to prove the client without a user."),
  ];
}

/** Where a URL that a check needs is not known yet, the check is skipped, and says so. */
function openTemplate(subject: Subject, templates: readonly (string | undefined)[]): string | null {
  for (const template of templates) {
    const filled = template === undefined ? null : fillUrl(subject, template);
    if (filled && "why" in filled) return filled.why;
  }
  return null;
}

async function oauth2Checks(
  subject: Subject,
  scheme: OAuth2SchemeDefinition,
  options: CallOptions & Pick<Services, "allowHttp">,
): Promise<Check[]> {
  const { client, flows, scopes, connector } = subject;
  const open = openTemplate(subject, [scheme.tokenUrl, scheme.authorizationUrl, scheme.issuer, scheme.jwksUri]);
  if (open !== null) {
    const why = `The address is not known yet: ${open}`;
    return ["DISCOVERY_MATCHES", "CLIENT_AUTHENTICATED", "REDIRECT_URI_REGISTERED", "SCOPES_KNOWN"].map((name) =>
      skipped(name, why),
    );
  }
  const party: OAuth2Client = {
    scheme,
    values: subject.values,
    clientId: client?.clientId ?? "",
    clientSecret: client?.clientSecret ?? null,
    redirectUri: subject.redirectUri ?? "https://moorline.invalid/oauth/callback",
  };
  const interactive = flows.includes("AUTHORIZATION_CODE") || flows.includes("DEVICE");
  const proof = client && interactive ? oauth2.proveClient(party, { ...options, mayMistake: subject.ownApp }) : null;
  const [discovery, resource, proven, redirect, ofClient, ofDevice] = await Promise.all([
    oauth2.compareDiscovery(party, options),
    oauth2.resourceCheck(party, options),
    proof,
    client && flows.includes("AUTHORIZATION_CODE") ? redirectOf(subject, party, proof, options) : null,
    client && flows.includes("CLIENT_CREDENTIALS") ? oauth2.proveClientCredentials(party, scopes, options) : null,
    client && flows.includes("DEVICE") ? oauth2.proveDeviceFlow({ ...options, client: party, scopes }) : null,
  ]);
  const documented = connector.projectId ? [] : (scheme.scopes ?? []);
  const refused = redirect?.scopesRefused ?? null;
  return [
    discovery.check,
    resource,
    proven?.check ?? subject.noClient,
    ofClient,
    ofDevice,
    redirect?.registered,
    redirect?.accepted,
    oauth2.scopesCheck({ scopes, documented, found: discovery.found, refused }),
  ].filter((check) => check !== null && check !== undefined);
}

async function redirectOf(
  subject: Subject,
  client: OAuth2Client,
  proof: Promise<{ redirectUriRefused: boolean }> | null,
  options: CallOptions,
): Promise<{
  registered: Check;
  accepted?: Check;
  scopesRefused: Awaited<ReturnType<typeof oauth2.diagnoseRedirect>>["scopesRefused"];
}> {
  if (subject.redirectUri === null) {
    const why = "The redirect URI is made when the connector is saved: register Connector.redirectUri at the provider then.";
    return { registered: skipped("REDIRECT_URI_REGISTERED", why), scopesRefused: null };
  }
  return oauth2.diagnoseRedirect({
    ...options,
    client,
    scopes: subject.scopes,
    parameters: subject.authorizationParameters,
    refusedAtTokenEndpoint: proof ? proof.then(({ redirectUriRefused }) => redirectUriRefused) : Promise.resolve(false),
  });
}

/** Temporary credentials (RFC 5849 section 2.1) are given to a client that signs well, before any user is asked. */
async function oauth1Check(subject: Subject, scheme: OAuth1SchemeDefinition, options: CallOptions): Promise<Check> {
  const name = "CLIENT_AUTHENTICATED";
  const { client, redirectUri } = subject;
  if (!client) return subject.noClient ?? skipped(name, "There is no client to prove.");
  const open = openTemplate(subject, [scheme.requestTokenUrl, scheme.authorizationUrl]);
  if (open !== null) return skipped(name, `The address is not known yet: ${open}`);
  try {
    const callback = redirectUri ?? "https://moorline.invalid/oauth/callback";
    const party = { scheme, values: subject.values, ...client };
    await oauth1.begin({
      ...options,
      client: party,
      scopes: subject.scopes,
      callback,
      parameters: subject.authorizationParameters,
    });
    return passed(
      name,
      "The provider gives this client temporary credentials: its key, its secret and the callback are accepted.",
    );
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { message, remedy, code } = error.details;
    if (code === "PROVIDER_UNREACHABLE" || code === "RATE_LIMITED") return skipped(name, message, remedy);
    return failed(name, message, remedy);
  }
}

/** Where everything that a user would type is known already, the third party is really asked. */
async function credentialCheck(services: Services, subject: Subject): Promise<Check> {
  const name = "CREDENTIAL_VERIFIED";
  const { scheme, values, connector, scopes } = subject;
  const absent = fieldsFor(scheme, "credential").filter(
    (field) => field.required && field.default === undefined && (values[field.name] ?? "") === "" && isVisible(field, values),
  );
  if (absent.length > 0) {
    const labels = absent.map((field) => `“${field.label}”`).join(", ");
    return skipped(
      name,
      `Each user enters ${labels}: there is nothing to ask the third party with.`,
      "tryCredential asks it with values that are saved nowhere.",
    );
  }
  // Nothing is stored: of the config only the scopes are looked at.
  const authConfig = { scopes: [...scopes] } as AuthConfig;
  const draft = { authConfig, connector, scheme, typed: { secrets: {}, parameters: {} }, values, obtained: null };
  try {
    return verified(name, (await testDraft(services, await withTokens(services, draft))).outcome!);
  } catch (error) {
    if (error instanceof Failure) return verified(name, outcomeOf(error.details));
    throw error;
  }
}

function verified(name: string, { ok, code, message, remedy }: TestOutcome): Check {
  if (ok) return passed(name, message);
  if (code === "NOT_TESTABLE" || code === "DRIVER_MISSING" || code === "RATE_LIMITED") return skipped(name, message, remedy);
  return failed(name, message, remedy ?? "Check the values that were entered.");
}
