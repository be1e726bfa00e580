/**
 * Whether a client id and secret are good, without a user: a token request with a made-up code. A provider that authenticates the client
 * first (RFC 6749 section 4.1.3) refuses the code; with a wrong secret it refuses the client.
 */
import { randomBytes } from "node:crypto";
import * as oidc from "openid-client";
import { Failure, type FailureDetails } from "../../lib/failure.ts";
import { Secret } from "../../lib/secret.ts";
import { type Check, failed, passed, skipped, warning } from "../check.ts";
import { configure, endpoint, expandAll } from "./client.ts";
import { clientCredentials } from "./client-credentials.ts";
import { type BeginDeviceInput, beginDevice } from "./device.ts";
import { createExchange } from "./exchange.ts";
import { inert } from "./failures.ts";
import type { CallOptions, OAuth2Client, TokenClient } from "./types.ts";

const NAME = "CLIENT_AUTHENTICATED";

export interface ClientProof {
  check: Check;
  /** True where the token endpoint says that it does not know the redirect URI. */
  redirectUriRefused: boolean;
}

export interface ProofOptions extends CallOptions {
  /**
   * True where a wrong secret may be sent for the client, which proves the secret as well; false where others than its owner ask, who
   * could have the provider lock it.
   */
  mayMistake: boolean;
}

/** Never throws for what the provider does. */
export async function proveClient(client: OAuth2Client, options: ProofOptions): Promise<ClientProof> {
  const said = await ask(client, options);
  if (said.kind === "REFUSED") return { check: await refused(said.details, client, options), redirectUriRefused: false };
  if (said.kind === "UNANSWERED") return { check: unanswered(said.details), redirectUriRefused: false };
  const redirectUriRefused = said.kind === "REDIRECT_URI";
  // Some look at the code first, and some at nothing: only one who refuses another client has looked at this one.
  const control = await ask(stranger(client, options), options);
  if (control.kind === "REFUSED" && said.kind !== "TOKENS") return { check: proven(client), redirectUriRefused };
  if (control.kind === "UNANSWERED") return { check: unanswered(control.details), redirectUriRefused };
  return { check: untold(said, control), redirectUriRefused };
}

type Said =
  | { kind: "CODE" | "REDIRECT_URI" | "UNKNOWN"; details: FailureDetails }
  /** The client itself is refused. */
  | { kind: "REFUSED"; details: FailureDetails }
  /** Nobody could be asked now. */
  | { kind: "UNANSWERED"; details: FailureDetails }
  | { kind: "TOKENS"; details: null };

async function ask(client: OAuth2Client, options: CallOptions): Promise<Said> {
  try {
    const exchange = createExchange({ ...options, client, url: endpoint(client, client.scheme.tokenUrl), keepIdToken: false });
    const config = await configure(client, exchange.fetch);
    const parameters = {
      ...expandAll(client, client.scheme.tokenParameters),
      code: `moorline-diagnosis-${randomBytes(16).toString("hex")}`,
      redirect_uri: client.redirectUri,
      ...(client.scheme.pkce !== false && { code_verifier: randomBytes(32).toString("base64url") }),
    };
    try {
      await oidc.genericGrantRequest(config, "authorization_code", parameters);
      return { kind: "TOKENS", details: null };
    } catch (error) {
      throw exchange.explain(error);
    }
  } catch (error) {
    if (error instanceof Failure) return sorted(error.details);
    throw error;
  }
}

/** The words of many providers for the same two things; those of one alone are in its data (`errorCodes`). */
const CODE_WORDS = /(?:^|[_\s-])(?:auth|code|authcode|grant)(?:$|[_\s-])/i;
const CLIENT_WORDS = /client|app(?:lication)?[_-]?(?:id|secret)|consumer/i;

function sorted(details: FailureDetails): Said {
  switch (details.code) {
    case "INVALID_CLIENT":
    case "APP_SUSPENDED":
      return { kind: "REFUSED", details };
    case "INVALID_GRANT":
      return { kind: "CODE", details };
    case "REDIRECT_URI_MISMATCH":
      return { kind: "REDIRECT_URI", details };
    case "RATE_LIMITED":
    case "PROVIDER_UNREACHABLE":
    case "CONFIG_CHANGED":
    case "INTERNAL":
      return { kind: "UNANSWERED", details };
    default:
      if ((details.providerStatus ?? 0) >= 500) return { kind: "UNANSWERED", details };
      if (CLIENT_WORDS.test(details.providerCode ?? "")) return { kind: "REFUSED", details };
      return { kind: CODE_WORDS.test(details.providerCode ?? "") ? "CODE" : "UNKNOWN", details };
  }
}

/** A client that the provider must refuse: ours with a made-up secret, or where it has no such secret, one that does not exist. */
function stranger(client: OAuth2Client, { mayMistake }: ProofOptions): OAuth2Client {
  const madeUp = randomBytes(24).toString("hex");
  const { tokenAuthMethod, clientSecretJwt } = client.scheme;
  const hasSharedSecret = client.clientSecret !== null && !clientSecretJwt && tokenAuthMethod.startsWith("CLIENT_SECRET");
  return hasSharedSecret && mayMistake ? { ...client, clientSecret: new Secret(madeUp) } : { ...client, clientId: madeUp };
}

function proven({ clientSecret, scheme }: OAuth2Client): Check {
  if (!clientSecret || scheme.tokenAuthMethod === "NONE")
    return passed(NAME, "The provider knows the client id: another one is refused at the token endpoint, this one is not.");
  const what = scheme.tokenAuthMethod === "PRIVATE_KEY_JWT" ? "client id and the private key" : "client id and the client secret";
  return passed(
    NAME,
    `The provider accepts the ${what}: it refuses a made-up code, and with a wrong client it refuses the client.`,
  );
}

/** By the book it is a good client that may not ask in this way; some (Keycloak) say the same, or with 401, of one that they don't know. */
async function refused(details: FailureDetails, client: OAuth2Client, options: ProofOptions): Promise<Check> {
  const { providerCode, providerStatus } = details;
  if (
    providerCode === "unauthorized_client" &&
    providerStatus !== 401 &&
    !(await saysSameOfNobody(providerCode, client, options))
  ) {
    return failed(
      NAME,
      `The provider knows the client, but does not let it use authorization codes.${quoted(details)}`,
      "Allow the authorization code grant for the app in the provider's developer console.",
    );
  }
  return failed(NAME, `${details.message}${quoted(details)}`, details.remedy);
}

async function saysSameOfNobody(code: string, client: OAuth2Client, options: ProofOptions): Promise<boolean> {
  const control = await ask(stranger(client, { ...options, mayMistake: false }), options);
  return control.details?.providerCode === code;
}

function unanswered(details: FailureDetails): Check {
  return skipped(NAME, `The token endpoint could not be asked: ${details.message}${quoted(details)}`, details.remedy);
}

function untold(said: Said, control: Said): Check {
  if (said.kind === "TOKENS" || control.kind === "TOKENS") {
    return warning(
      NAME,
      "The token endpoint answers a made-up code with tokens: it does not check what it is asked.",
      "Make sure that the token endpoint is the provider's own, and not one for tests.",
    );
  }
  if (said.kind === "UNKNOWN" && said.details.code === "MALFORMED_RESPONSE") {
    return warning(NAME, `The token endpoint does not answer as OAuth prescribes.${quoted(said.details)}`, said.details.remedy);
  }
  if (said.kind !== control.kind) {
    return skipped(
      NAME,
      `This provider answers another client in another way, but does not say that it refuses it.${quoted(control.details)}`,
      "Connect an account of your own to be sure.",
    );
  }
  return skipped(
    NAME,
    `This provider answers a made-up code in the same way whichever client asks, so it does not tell whether id and secret are right.${quoted(said.details)}`,
    "Connect an account of your own to be sure.",
  );
}

/** The provider's code alone: it is one word, and its text may say anything. */
export function quoted({ providerCode, providerStatus }: FailureDetails): string {
  const code = inert(providerCode, 60);
  if (code) return ` It said “${code}”${providerStatus ? ` (${providerStatus})` : ""}.`;
  return providerStatus ? ` It answered ${providerStatus}.` : "";
}

/** Tokens of the client itself are really obtained. They are not revoked: some providers give everybody the same one. Never throws. */
export async function proveClientCredentials(
  client: TokenClient,
  scopes: readonly string[],
  options: CallOptions,
): Promise<Check> {
  const name = "CLIENT_TOKEN_OBTAINED";
  return told(name, async () => {
    const tokens = await clientCredentials({ ...options, client, scopes });
    const missing = scopes.filter((scope) => !tokens.grantedScopes.includes(scope));
    if (missing.length === 0) return passed(name, "The provider gives this client tokens of its own.");
    return warning(
      name,
      `The provider gives this client tokens of its own, but without ${missing.map((scope) => inert(scope, 100)).join(", ")}.`,
      "Allow these scopes for the client at the provider, or leave them out.",
    );
  });
}

/** A device code is really asked for (RFC 8628 section 3.1); nobody enters it, and it runs out. Never throws. */
export async function proveDeviceFlow(input: BeginDeviceInput): Promise<Check> {
  const name = "DEVICE_CODE_OBTAINED";
  return told(name, async () => {
    await beginDevice(input);
    return passed(name, "The provider gives this client device codes.");
  });
}

async function told(name: string, work: () => Promise<Check>): Promise<Check> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { details } = error;
    const isUnanswered = details.code === "PROVIDER_UNREACHABLE" || details.code === "RATE_LIMITED";
    const message = `${details.message}${quoted(details)}`;
    return isUnanswered ? skipped(name, message, details.remedy) : failed(name, message, details.remedy);
  }
}
