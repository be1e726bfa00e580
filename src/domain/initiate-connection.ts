import { z } from "zod";
import { validateFields } from "../catalogue/fields.ts";
import type { Tx } from "../db/database.ts";
import type { AuthConfig, ConnectionRequest, Credential, Prisma, Project } from "../db/generated/client.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { encodeId, newId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { type ConnectTarget, resolveTarget } from "./auth-config-target.ts";
import { initiationFieldsOf } from "./auth-config-view.ts";
import { assertMay, isUserSession } from "./caller.ts";
import { recordEvent } from "./connection-request.ts";
import { getConnector } from "./connector-view.ts";
import { findCredential } from "./credential.ts";
import { withIdempotency } from "./idempotency.ts";
import { idempotencyKeyField, jsonObject, line, localeField, parseInput } from "./input.ts";
import { flowOf, formFlow, isTyped } from "./request-flow.ts";
import type { Context } from "./services.ts";
import { dueAt, start } from "./unattended.ts";
import { findUser, type UserRef } from "./user-ref.ts";

export interface InitiateConnectionInput extends RequestOptions {
  target: ConnectTarget;
  user?: UserRef | null;
  projectOwned?: boolean | null;
  expiresInSeconds?: number | null;
  label?: string | null;
  ifAccountExists?: "UPDATE" | "CREATE" | "REFUSE" | null;
}

export interface ReauthorizeCredentialInput extends RequestOptions {
  id: string;
  allowUnverifiedAccount?: boolean | null;
}

export interface RequestOptions {
  returnUrl?: string | null;
  origin?: string | null;
  clientState?: string | null;
  display?: "REDIRECT" | "POPUP" | null;
  scopes?: readonly string[] | null;
  parameters?: unknown;
  flow?: string | null;
  locale?: string | null;
  idempotencyKey?: string | null;
}

const DEFAULT_LIFE_SECONDS = 600;

const options = {
  returnUrl: line("The return URL", 2_048).nullish(),
  origin: line("The origin", 300).nullish(),
  clientState: line("The client state", 1_000).nullish(),
  display: z.enum(["REDIRECT", "POPUP"]).nullish(),
  scopes: z
    .array(
      line("A scope", 500).regex(
        /^[\x21\x23-\x5b\x5d-\x7e]+$/,
        "A scope is one word of printable ASCII characters (RFC 6749 section 3.3).",
      ),
    )
    .max(200)
    .nullish(),
  parameters: jsonObject("parameters").nullish(),
  flow: z.enum(["AUTHORIZATION_CODE", "DEVICE", "CLIENT_CREDENTIALS"]).nullish(),
  locale: localeField.nullish(),
  idempotencyKey: idempotencyKeyField,
};
const initiateSchema = z.object({
  ...options,
  target: z.custom<ConnectTarget>(),
  user: z.custom<UserRef>().nullish(),
  projectOwned: z.boolean().nullish(),
  expiresInSeconds: z
    .int()
    .min(60, "expiresInSeconds must be at least 60.")
    .max(604_800, "expiresInSeconds must be at most 604,800, which is a week.")
    .nullish(),
  label: line("The label", 200).nullish(),
  ifAccountExists: z.enum(["UPDATE", "CREATE", "REFUSE"]).nullish(),
});
const reauthorizeSchema = z.object({ ...options, id: z.string(), allowUnverifiedAccount: z.boolean().nullish() });

export async function initiateConnection(
  ctx: Context,
  raw: InitiateConnectionInput,
): Promise<{ connectionRequest: ConnectionRequest }> {
  assertMay(ctx, "CONNECTION_INITIATE");
  const input = parseInput(initiateSchema, raw);
  const authConfig = await resolveTarget(ctx, input.target);
  const userId = await ownerOf(ctx, input);
  const prepared = await prepare(ctx, authConfig, input);
  return store(ctx, "initiateConnection", raw, {
    ...prepared,
    kind: "CONNECT",
    userId,
    requestedScopes: union(authConfig.scopes, input.scopes),
    label: input.label ?? null,
    ifAccountExists: input.ifAccountExists ?? "UPDATE",
    lifeSeconds: lifeOf(ctx, input.expiresInSeconds ?? DEFAULT_LIFE_SECONDS),
  });
}

/** What is begun with a link lasts no longer than the link's own session, but for the ten minutes that everybody has. */
function lifeOf({ caller: { linkId, expiresAt, now } }: Context, seconds: number): number {
  if (linkId === null || expiresAt === null) return seconds;
  const left = Math.floor((expiresAt.getTime() - now.getTime()) / 1_000);
  return Math.min(seconds, Math.max(left, DEFAULT_LIFE_SECONDS));
}

export async function reauthorizeCredential(
  ctx: Context,
  raw: ReauthorizeCredentialInput,
): Promise<{ connectionRequest: ConnectionRequest }> {
  assertMay(ctx, "CONNECTION_INITIATE");
  const input = parseInput(reauthorizeSchema, raw);
  const credential = await findCredential(ctx, input.id);
  if (!credential) throw new NotFoundError("There is no such credential. Check the id.");
  if (credential.health === "REVOKED") {
    throw new ConflictError(
      "CONFLICT",
      "This credential was revoked, which is final. Connect the account anew with initiateConnection.",
    );
  }
  if (input.allowUnverifiedAccount && isUserSession(ctx.caller)) {
    throw InvalidInputError.at(
      ["allowUnverifiedAccount"],
      "NOT_ALLOWED",
      "Only an API key may allow an account that the provider does not name.",
    );
  }
  const authConfig = await resolveTarget(ctx, { authConfigId: encodeId("AuthConfig", credential.authConfigId) });
  const prepared = await prepare(ctx, authConfig, input, credential);
  return store(ctx, "reauthorizeCredential", raw, {
    ...prepared,
    kind: "REAUTHORIZE",
    userId: credential.userId,
    credentialId: credential.id,
    requestedScopes: union(credential.requestedScopes, input.scopes),
    allowUnverified: input.allowUnverifiedAccount ?? false,
    lifeSeconds: DEFAULT_LIFE_SECONDS,
  });
}

/** Whose account it will be: a session's own user, or whom the back end names; null: the project's own. */
export async function ownerOf(
  ctx: Context,
  input: { user?: UserRef | null; projectOwned?: boolean | null },
): Promise<string | null> {
  const { caller, services } = ctx;
  if (isUserSession(caller)) {
    if (input.user || input.projectOwned) {
      const field = input.user ? "user" : "projectOwned";
      throw InvalidInputError.at([field], "NOT_ALLOWED", `A user session connects accounts of its own user: leave ${field} out.`);
    }
    return caller.userId;
  }
  if (Boolean(input.user) === Boolean(input.projectOwned)) {
    throw InvalidInputError.at(
      ["user"],
      "REQUIRED",
      "Name the user whose account it is, or set projectOwned to true: exactly one of them.",
    );
  }
  if (!input.user) return null;
  const user = await findUser(ctx, services.database.prisma, input.user);
  if (!user) throw InvalidInputError.at(["user"], "NOT_FOUND", "There is no such user. Create it with upsertUser first.");
  return user.id;
}

/** Everything that both kinds share: the return address, the flow and the values, checked against project, config and connector. */
export async function prepare(ctx: Context, authConfig: AuthConfig, input: RequestOptions, credential?: Credential) {
  const project = await ctx.services.database.prisma.project.findUniqueOrThrow({ where: { id: ctx.caller.projectId } });
  assertReturnUrl(project, input.returnUrl);
  if (input.origin && !project.allowedOrigins.includes(input.origin)) {
    throw InvalidInputError.at(
      ["origin"],
      "NOT_ALLOWED",
      "This origin is not registered. Add it to the project's allowedOrigins.",
    );
  }
  const flow = isTyped(authConfig) ? formFlow(authConfig, input) : flowOf(authConfig, input);
  return {
    authConfigId: authConfig.id,
    connectorSlug: authConfig.connectorSlug,
    flow,
    display: input.display ?? "REDIRECT",
    returnUrl: input.returnUrl ?? null,
    origin: input.origin ?? null,
    clientState: input.clientState ?? null,
    locale: input.locale ?? ctx.caller.locale,
    parameters: (await connectionParameters(ctx, authConfig, input, credential)) as Prisma.InputJsonObject,
  };
}

/** Throws InvalidInputError. */
export function assertReturnUrl({ allowedReturnUrls }: Pick<Project, "allowedReturnUrls">, returnUrl?: string | null): void {
  if (!returnUrl || allowedReturnUrls.includes(returnUrl)) return;
  throw InvalidInputError.at(
    ["returnUrl"],
    "NOT_ALLOWED",
    "This return URL is not registered. Add it, character for character, to the project's allowedReturnUrls.",
  );
}

/** The values that the provider's URLs need before the redirect (a subdomain, say); a re-authorization keeps those it had. */
async function connectionParameters(ctx: Context, authConfig: AuthConfig, input: RequestOptions, credential?: Credential) {
  const connector = await getConnector(ctx.services, authConfig.projectId, authConfig.connectorSlug);
  const fields = initiationFieldsOf(authConfig, connector);
  const before = credential
    ? pick(
        credential.parameters as Record<string, unknown>,
        fields.map((field) => field.name),
      )
    : {};
  return validateFields(fields, { ...before, ...((input.parameters as object | null | undefined) ?? {}) }, ["parameters"]).values;
}

function pick(values: Record<string, unknown>, names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => Object.hasOwn(values, name)).map((name) => [name, values[name]]));
}

type NewRequest = Omit<Prisma.ConnectionRequestUncheckedCreateInput, "id" | "projectId" | "expiresAt"> & { lifeSeconds: number };

async function store(ctx: Context, mutation: string, input: RequestOptions, { lifeSeconds, ...data }: NewRequest) {
  const { projectId } = ctx.caller;
  const { row, repeated } = await ctx.services.database.transact(async (tx) => {
    const find = (id: string) => tx.connectionRequest.findFirst({ where: { projectId, id } });
    const expiresAt = new Date(tx.now.getTime() + lifeSeconds * 1000);
    const create = async () => insert(tx, ctx, { ...data, ...(await dueAt(tx, data)), id: newId(), projectId, expiresAt });
    return withIdempotency(ctx, tx, mutation, input, find, create);
  });
  return { connectionRequest: repeated ? row : await start(ctx.services, row) };
}

export async function insert(
  tx: Tx,
  ctx: Context,
  data: Prisma.ConnectionRequestUncheckedCreateInput,
): Promise<ConnectionRequest> {
  const row = await tx.connectionRequest.create({ data: { ...data, createdAt: tx.now, updatedAt: tx.now } });
  await recordEvent(tx, row);
  await recordAudit(tx, ctx, {
    action: "connection_request.created",
    targetType: "ConnectionRequest",
    targetId: row.id,
    details: { kind: row.kind, connector: row.connectorSlug },
  });
  return row;
}

function union(first: readonly string[], second?: readonly string[] | null): string[] {
  return [...new Set([...first, ...(second ?? [])])];
}
