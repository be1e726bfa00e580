import type { SchemeDefinition } from "../catalogue/types.ts";
import type { AuthConfig, ConnectionRequest } from "../db/generated/client.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { SCHEMES } from "../schemes/index.ts";

/** `ConnectionRequest.flow` where no provider is visited: the user types into a page of ours. Never a client's to name. */
const FORM = "FORM";

/** True where the page behind `connectUrl` is a form, and there is no `authorizationUrl`. */
export function isForm({ flow }: Pick<ConnectionRequest, "flow">): boolean {
  return flow === FORM;
}

/** True where `authorizationUrl` sends the user's browser to the provider. */
export function isRedirect({ flow }: Pick<ConnectionRequest, "flow">): boolean {
  return flow === "AUTHORIZATION_CODE";
}

/** Device flow (RFC 8628): the user visits the provider with a code, and we ask meanwhile. */
export function isDevice({ flow }: Pick<ConnectionRequest, "flow">): boolean {
  return flow === "DEVICE";
}

/** True where no person has anything to do (RFC 6749 section 4.4). */
export function goesOnByItself({ flow }: Pick<ConnectionRequest, "flow">): boolean {
  return flow === "CLIENT_CREDENTIALS";
}

/** Throws InvalidInputError where the config does not allow the flow. */
export function flowOf(
  { flows, ownApp }: Pick<AuthConfig, "flows" | "ownApp">,
  { flow = null }: { flow?: string | null },
): string {
  const wanted = flow ?? "AUTHORIZATION_CODE";
  if (!flows.includes(wanted)) {
    const message = `The auth config does not allow this flow. Allowed: ${flows.join(", ")}.`;
    throw InvalidInputError.at(["flow"], "NOT_ALLOWED", message);
  }
  // Tokens of the operator's own app would be good for whatever that app may do, for every project alike.
  if (wanted === "CLIENT_CREDENTIALS" && !ownApp) {
    const message = "The default app has no tokens of its own for you: give the auth config a client of your own.";
    throw InvalidInputError.at(["flow"], "NOT_ALLOWED", message);
  }
  return wanted;
}

/** Whether what connects with this config is typed, and no browser is sent to a provider. */
export function isTyped({ schemeType }: Pick<AuthConfig, "schemeType">): boolean {
  return !hasRedirect({ type: schemeType as SchemeDefinition["type"] });
}

/** Whether a scheme needs the user's browser to visit the provider. */
export function hasRedirect({ type }: Pick<SchemeDefinition, "type">): boolean {
  return SCHEMES[type].redirects;
}

/** How a request for something typed goes on. Throws InvalidInputError where it names what only a redirect has. */
export function formFlow(
  { flows }: Pick<AuthConfig, "flows">,
  input: { flow?: string | null; scopes?: readonly string[] | null },
): string {
  if (input.flow && !flows.includes(input.flow))
    throw InvalidInputError.at(
      ["flow"],
      "NOT_ALLOWED",
      "This is connected by a form and has no flows to choose from: leave flow out.",
    );
  if (input.scopes && input.scopes.length > 0)
    throw InvalidInputError.at(["scopes"], "NOT_ALLOWED", "What a user types has no scopes to ask for: leave scopes out.");
  return FORM;
}
