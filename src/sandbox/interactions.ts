import type { IncomingMessage, ServerResponse } from "node:http";
import type { InteractionResults, Provider } from "oidc-provider";
import { accountFor, findAccount } from "./accounts.ts";
import { readForm } from "./http.ts";
import { errors } from "./oidc.ts";
import { consentPage, errorPage, PAGE_HEADERS, signInPage } from "./pages.ts";
import { SCOPES } from "./provider.ts";
import { type Store, switchesFor } from "./store.ts";
import { type Switches, switchesFromForm } from "./switches.ts";

type Interaction = Awaited<ReturnType<Provider["interactionDetails"]>>;

interface Visit {
  provider: Provider;
  store: Store;
  req: IncomingMessage;
  res: ServerResponse;
  interaction: Interaction;
}

/** The sign-in and the consent page, at `/interaction/<uid>`: GET shows the page that is due, POST answers it. */
export async function serveInteraction(provider: Provider, store: Store, req: IncomingMessage, res: ServerResponse) {
  let interaction: Interaction;
  try {
    interaction = await provider.interactionDetails(req, res);
  } catch (error) {
    if (!(error instanceof errors.SessionNotFound)) throw error;
    return sendPage(res, 400, errorPage("expired", "This sign-in has ended, or was begun in another browser."));
  }
  const visit = { provider, store, req, res, interaction };
  if (req.method !== "POST") return showPage(visit, 200);
  const form = await readForm(req);
  if (form.get("decision") === "cancel")
    return finish(visit, { error: "access_denied", error_description: "The person cancelled." });
  return interaction.prompt.name === "login" ? signIn(visit, form) : decide(visit, form);
}

async function showPage(visit: Visit, status: number, problem?: string): Promise<void> {
  const { params, prompt } = visit.interaction;
  const client = await visit.provider.Client.find(String(params.client_id));
  const clientName = client?.clientName ?? String(params.client_id);
  if (prompt.name === "login") {
    const hint = typeof params.login_hint === "string" ? params.login_hint : undefined;
    return sendPage(visit.res, status, signInPage({ clientName, hint, problem }));
  }
  const account = findAccount(visit.interaction.session?.accountId ?? "");
  if (!account) return sendPage(visit.res, 400, errorPage("expired", "Nobody is signed in. Start again."));
  const scopes = requestedScopes(visit.interaction).map((name) => ({
    name,
    words: SCOPES[name] ?? name,
    fixed: name === "openid",
  }));
  sendPage(visit.res, status, consentPage({ clientName, account, scopes, problem }));
}

async function signIn(visit: Visit, form: URLSearchParams): Promise<void> {
  const choice = form.get("account") ?? "";
  const account = accountFor(choice);
  if (!account) return showPage(visit, 400, "That is not an e-mail address. Type one such as you@example.com.");
  await finish(visit, { login: { accountId: account.id } });
}

async function decide(visit: Visit, form: URLSearchParams): Promise<void> {
  const { store, interaction } = visit;
  const clientId = String(interaction.params.client_id);
  let chosen: Switches;
  try {
    chosen = switchesFromForm(form);
  } catch (error) {
    return showPage(visit, 400, `The switches are not valid: ${(error as Error).message.slice(0, 300)}`);
  }
  const switches = { ...switchesFor(store, clientId), ...chosen };
  if (Object.keys(chosen).length > 0) rememberUntilAnswered(store, interaction.uid, chosen);
  if (switches.authorizationError) {
    const { error, description } = switches.authorizationError;
    return finish(visit, { error, error_description: description });
  }
  if (switches.deny || form.get("decision") !== "allow")
    return finish(visit, { error: "access_denied", error_description: "The person did not allow it." });
  const grantId = await createGrant(visit, clientId, form.getAll("scope"), switches.fewerScopes);
  if (Object.keys(chosen).length > 0) store.grantSwitches.set(grantId, chosen);
  store.changed();
  await finish(visit, { consent: { grantId } });
}

async function createGrant(visit: Visit, clientId: string, ticked: string[], only?: string[]): Promise<string> {
  const grant = new visit.provider.Grant({ accountId: visit.interaction.session?.accountId, clientId });
  for (const scope of requestedScopes(visit.interaction)) {
    const granted = scope === "openid" || (ticked.includes(scope) && (!only || only.includes(scope)));
    if (granted) grant.addOIDCScope(scope);
    else grant.rejectOIDCScope(scope);
  }
  return grant.save();
}

function requestedScopes(interaction: Interaction): string[] {
  const scope = typeof interaction.params.scope === "string" ? interaction.params.scope : "";
  return scope.split(" ").filter((name) => name in SCOPES);
}

async function finish(visit: Visit, result: InteractionResults): Promise<void> {
  const { provider, store, req, res, interaction } = visit;
  const returnTo = await provider.interactionResult(req, res, result, { mergeWithLastSubmission: true });
  if (result.login) await switchPerson(store, interaction, result.login.accountId);
  res.writeHead(303, { location: returnTo, "cache-control": "no-store" }).end();
}

/**
 * The browser may be signed in as somebody else. Its session becomes the chosen person's here, because oidc-provider would
 * send the browser through a logout page that needs scripts.
 */
async function switchPerson(store: Store, interaction: Interaction, accountId: string): Promise<void> {
  const session = await store.adapter("Session").findByUid(interaction.session?.uid ?? "");
  if (!session?.accountId || session.accountId === accountId) return;
  session.accountId = accountId;
  session.authorizations = {};
}

const REMEMBER_MS = 60_000;

/** An authorization that ends without a grant still has switches for its answer; they are needed for one redirect only. */
function rememberUntilAnswered(store: Store, uid: string, switches: Switches): void {
  store.interactionSwitches.set(uid, switches);
  setTimeout(() => store.interactionSwitches.delete(uid), REMEMBER_MS).unref();
}

function sendPage(res: ServerResponse, status: number, html: string): void {
  res.writeHead(status, PAGE_HEADERS).end(html);
}
