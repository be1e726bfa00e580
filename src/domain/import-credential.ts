import { z } from "zod";
import type { SchemeDefinition } from "../catalogue/types.ts";
import type { Credential } from "../db/generated/client.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { SCHEMES } from "../schemes/index.ts";
import type { ProviderIdentity } from "../schemes/oauth2/types.ts";
import { recordAudit } from "./audit.ts";
import { resolveTarget } from "./auth-config-target.ts";
import { assertApiKey, assertMay } from "./caller.ts";
import { type CreateCredentialInput, connectTyped, findCreated, newCredentialInput } from "./create-credential.ts";
import { storedTokens } from "./credential-tokens.ts";
import { sealedFields, testDraft, testFailed } from "./draft-credential.ts";
import { findRepeat, withIdempotency } from "./idempotency.ts";
import { draftTokens, type TokenDraft } from "./import-tokens.ts";
import { ownerOf } from "./initiate-connection.ts";
import { line, parseInput } from "./input.ts";
import type { Context, Services } from "./services.ts";
import { holdParties, type NewCredential, storeCredential } from "./store-credential.ts";

export interface ImportCredentialInput extends CreateCredentialInput {
  clientId?: string | null;
}

const schema = z.object({ ...newCredentialInput, clientId: line("The client id", 2_000).nullish() });

const WAY = { mutation: "importCredential", action: "credential.imported", message: "Imported." };

/** Tokens that another system obtained; for schemes without any, what was typed there. API keys only. */
export async function importCredential(ctx: Context, raw: ImportCredentialInput): Promise<{ credential: Credential }> {
  assertApiKey(ctx);
  assertMay(ctx, "CREDENTIAL_CREATE");
  const input = parseInput(schema, raw);
  const authConfig = await resolveTarget(ctx, input.target);
  if (!SCHEMES[authConfig.schemeType as SchemeDefinition["type"]].redirects) {
    if (input.clientId != null)
      throw InvalidInputError.at(["clientId"], "NOT_ALLOWED", "This scheme has no OAuth client: leave clientId out.");
    return connectTyped(ctx, WAY, { ...input, target: { row: authConfig.id } }, raw);
  }
  const userId = await ownerOf(ctx, input);
  const known = await findRepeat(ctx, WAY.mutation, raw, findCreated(ctx));
  if (known) return { credential: known };
  const draft = await draftTokens(ctx.services, authConfig, input.fields, input.clientId ?? null);
  const tested = input.test === true;
  const account = await prove(ctx.services, draft, tested);
  return ctx.services.database.transact(async (tx) => {
    const { row } = await withIdempotency(ctx, tx, WAY.mutation, raw, findCreated(ctx, tx), async () => {
      await holdParties(tx, draft, userId);
      const given = { ...toStore(draft), userId, label: input.label ?? null, account, tested };
      const credential = await storeCredential(tx, ctx.services, given, WAY.message);
      await recordAudit(tx, ctx, {
        action: WAY.action,
        targetType: "Credential",
        targetId: credential.id,
        details: {
          connector: authConfig.connectorSlug,
          scheme: authConfig.schemeType,
          scopes: credential.grantedScopes,
          canRefresh: credential.canRefresh,
        },
      });
      return credential;
    });
    return { credential: row };
  });
}

/** Whose tokens they are, as far as can be told now. Throws TestFailedError where a test was asked for and fails. */
async function prove(services: Services, draft: TokenDraft, test: boolean): Promise<ProviderIdentity | null> {
  const tested = test ? await testDraft(services, draft, draft.clientSecret) : null;
  if (tested && !tested.outcome?.ok) throw await testFailed(services, tested.outcome!);
  return tested?.account ?? draft.identify();
}

function toStore(draft: TokenDraft): Omit<NewCredential, "userId" | "label" | "account" | "tested"> {
  const { authConfig, typed, obtained, expiresAt } = draft;
  const { tokens, account: _nobody, ...origins } = obtained;
  return {
    authConfig,
    parameters: { ...typed.parameters, ...tokens.discovered },
    secrets: Object.keys(typed.secrets).length > 0 ? sealedFields(draft) : null,
    grant: {
      ...origins,
      stored: storedTokens(tokens, null),
      tokenType: tokens.tokenType,
      grantedScopes: tokens.grantedScopes,
      expiresAt,
    },
  };
}
