import { z } from "zod";
import type { Credential } from "../db/generated/client.ts";
import { recordAudit } from "./audit.ts";
import { type ConnectTarget, resolveTarget } from "./auth-config-target.ts";
import { assertMay } from "./caller.ts";
import { visibleCredentials } from "./credential.ts";
import { draftCredential, type ProvenDraft, proveDraft } from "./draft-credential.ts";
import { findRepeat, withIdempotency } from "./idempotency.ts";
import { ownerOf } from "./initiate-connection.ts";
import { fieldsField, idempotencyKeyField, line, parseInput } from "./input.ts";
import type { Context } from "./services.ts";
import { fromDraft, holdParties, storeCredential } from "./store-credential.ts";
import type { UserRef } from "./user-ref.ts";

export interface CreateCredentialInput {
  target: ConnectTarget;
  user?: UserRef | null;
  projectOwned?: boolean | null;
  fields?: unknown;
  label?: string | null;
  test?: boolean | null;
  idempotencyKey?: string | null;
}

/** What creating and importing share. */
export const newCredentialInput = {
  target: z.custom<ConnectTarget>(),
  user: z.custom<UserRef>().nullish(),
  projectOwned: z.boolean().nullish(),
  fields: fieldsField,
  label: line("The label", 200).nullish(),
  test: z.boolean().nullish(),
  idempotencyKey: idempotencyKeyField,
};

const schema = z.object(newCredentialInput);

/** A credential out of what was typed, in one call and without a browser. Throws ConflictError for a scheme that needs one. */
export async function createCredential(ctx: Context, raw: CreateCredentialInput): Promise<{ credential: Credential }> {
  assertMay(ctx, "CREDENTIAL_CREATE");
  const input = parseInput(schema, raw);
  return connectTyped(ctx, { mutation: "createCredential", action: "credential.connected", message: "Connected." }, input, raw);
}

export interface Way {
  mutation: string;
  /** Of the audit event. */
  action: string;
  /** In the history. */
  message: string;
}

/** Checks, then obtains tokens and tests where that is due, and only then saves. */
export async function connectTyped(
  ctx: Context,
  way: Way,
  input: z.output<typeof schema>,
  raw: { idempotencyKey?: string | null },
): Promise<{ credential: Credential }> {
  const authConfig = await resolveTarget(ctx, input.target);
  const userId = await ownerOf(ctx, input);
  const known = await findRepeat(ctx, way.mutation, raw, findCreated(ctx));
  if (known) return { credential: known };
  const checked = await draftCredential(ctx.services, authConfig, input.fields);
  const draft = await proveDraft(ctx.services, checked, input.test === true);
  return ctx.services.database.transact(async (tx) => {
    const { row } = await withIdempotency(ctx, tx, way.mutation, raw, findCreated(ctx, tx), async () => {
      await holdParties(tx, draft, userId);
      const given = { ...fromDraft(tx, draft), userId, label: input.label ?? null };
      const credential = await storeCredential(tx, ctx.services, given, way.message);
      await recordAudit(tx, ctx, {
        action: way.action,
        targetType: "Credential",
        targetId: credential.id,
        details: detailsOf(draft),
      });
      return credential;
    });
    return { credential: row };
  });
}

/** What an idempotency key created, as far as the caller may still see it. */
export function findCreated(
  ctx: Context,
  db: Pick<Context["services"]["database"]["prisma"], "credential"> = ctx.services.database.prisma,
) {
  return (id: string): Promise<Credential | null> =>
    db.credential.findFirst({ where: { AND: [visibleCredentials(ctx), { id }] } });
}

/** Names of fields, never a value. */
export function detailsOf({ authConfig, typed, outcome }: ProvenDraft) {
  return {
    connector: authConfig.connectorSlug,
    scheme: authConfig.schemeType,
    fields: Object.keys({ ...typed.parameters, ...typed.secrets }),
    tested: outcome !== null,
  };
}
