import type { AuthConfig, Credential, Grant } from "../db/generated/client.ts";
import { ConflictError, NotFoundError } from "../lib/errors.ts";
import { Failure } from "../lib/failure.ts";
import { Secret } from "../lib/secret.ts";
import { oauth2 } from "../schemes/index.ts";
import type { TokenRevocation } from "../schemes/oauth2/types.ts";
import { recordAudit } from "./audit.ts";
import { assertMay } from "./caller.ts";
import { cancelOpenRequests } from "./connection-request.ts";
import { credentialStatus, getCredential } from "./credential.ts";
import { recordCredentialEvent } from "./credential-event.ts";
import { type StoredTokens, tokensAddress } from "./credential-tokens.ts";
import { oauthClientFor } from "./oauth-client.ts";
import type { Context, Services } from "./services.ts";

export type RevokedToken = Pick<TokenRevocation, "kind" | "outcome" | "message">;

/**
 * Ends a credential: here at once and for good, so that nothing uses it from this moment on, then at the provider where it has a way.
 * The tokens are destroyed whatever the provider says; what it said of each stands in the payload and in the history.
 */
export async function revokeCredential(
  ctx: Context,
  input: { id: string },
): Promise<{ credential: Credential; tokens: RevokedToken[] }> {
  assertMay(ctx, "CREDENTIAL_DELETE");
  const before = await getCredential(ctx, input.id);
  const ended = await endHere(ctx, before);
  const tokens = await endAtProvider(ctx.services, ended);
  const credential = await recordOutcome(ctx, ended.credential, tokens);
  return { credential, tokens };
}

interface Ended {
  credential: Credential & { grant: Grant | null; authConfig: AuthConfig };
  tokens: StoredTokens | null;
}

/** Takes the tokens out of the vault in the transaction that ends the credential: of two calls one has them. */
async function endHere(ctx: Context, before: Credential): Promise<Ended> {
  const { services } = ctx;
  return services.database.transact(async (tx) => {
    const { count } = await tx.credential.updateMany({
      where: { id: before.id, projectId: before.projectId, deletedAt: null, health: { not: "REVOKED" } },
      data: {
        health: "REVOKED",
        healthReason: "It was revoked.",
        canRefresh: false,
        version: { increment: 1 },
        updatedAt: tx.now,
      },
    });
    if (count !== 1) throw new ConflictError("CONFLICT", "This credential was revoked already, which is final.");
    const credential = await tx.credential.findFirst({
      where: { id: before.id, projectId: before.projectId },
      include: { grant: true, authConfig: true },
    });
    if (!credential) throw new NotFoundError("There is no such credential. Check the id.");
    const sealed = credential.grant && (await services.vault.open(tx, tokensAddress(credential, credential.grant.generation)));
    await services.vault.destroy(tx, { projectId: before.projectId, table: "Credential", id: before.id });
    await cancelOpenRequests(tx, { projectId: before.projectId, credentialId: before.id });
    await recordAudit(tx, ctx, { action: "credential.revoked", targetType: "Credential", targetId: before.id });
    const change = { kind: "UPDATED" as const, statusBefore: credentialStatus(before, tx.now) };
    await recordCredentialEvent(tx, credential, { kind: "REVOKED", status: "REVOKED", message: "Revoked here." }, change);
    return { credential, tokens: sealed ? (JSON.parse(sealed.reveal()) as StoredTokens) : null };
  });
}

async function endAtProvider(services: Services, { credential, tokens }: Ended): Promise<RevokedToken[]> {
  if (!tokens || !credential.grant) return [];
  try {
    const { client } = await oauthClientFor(services, credential.authConfig, credential.parameters, credential.grant.clientId);
    const outcomes = await oauth2.revoke({
      client,
      accessToken: new Secret(tokens.accessToken),
      refreshToken: tokens.refreshToken === null ? null : new Secret(tokens.refreshToken),
      fetch: services.egress.fetch,
    });
    return outcomes.map(({ kind, outcome, message }) => ({ kind, outcome, message }));
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [
      {
        kind: tokens.refreshToken === null ? "access_token" : "refresh_token",
        outcome: "FAILED",
        message: error.details.message,
      },
    ];
  }
}

async function recordOutcome({ services }: Context, credential: Credential, tokens: RevokedToken[]): Promise<Credential> {
  const said = tokens.map(({ kind, outcome }) => `${kind}: ${outcome}`).join(", ") || "nothing was left to revoke";
  return services.database.transact((tx) =>
    recordCredentialEvent(
      tx,
      credential,
      { kind: "REVOKED", status: "REVOKED", message: `At the provider: ${said}.` },
      { kind: "UPDATED", statusBefore: "REVOKED" },
    ),
  );
}
