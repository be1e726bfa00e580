import { z } from "zod";
import {
  type ConnectorSchemeInput,
  type CustomConnectorInput,
  customConnector,
  givenDefinition,
  verificationInput,
} from "../catalogue/custom.ts";
import type { ConnectorDefinition } from "../catalogue/types.ts";
import type { Prisma, Tx } from "../db/database.ts";
import type { AuthConfig, CustomConnector } from "../db/generated/client.ts";
import { ConflictError, ForbiddenError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { decodeId, newId } from "../lib/ids.ts";
import { actorOf, recordAudit } from "./audit.ts";
import { removeAuthConfig } from "./auth-config-delete.ts";
import { assertMay, may } from "./caller.ts";
import { removeUnneededClients } from "./client-removal.ts";
import { assertBaseUrl, assertOwnSlug, defineConnector } from "./connector-define.ts";
import { receivingOrigins } from "./connector-origins.ts";
import { type ConnectorView, deletedSlug, ownView } from "./connector-view.ts";
import { credentialImpact } from "./credential.ts";
import { CONFIG_CHANGED, failFlows, invalidateCredentials } from "./credential-health.ts";
import { withIdempotency } from "./idempotency.ts";
import { assertUnused, inUse } from "./impact.ts";
import { idempotencyKeyField, parseInput, sameJson } from "./input.ts";
import { destroyRetained } from "./retained-client.ts";
import { DELETION } from "./retire-credentials.ts";
import type { Context } from "./services.ts";

export interface CreateConnectorInput extends CustomConnectorInput {
  idempotencyKey?: string | null;
}

export interface UpdateConnectorInput extends Partial<Omit<CustomConnectorInput, "slug" | "name" | "scheme">> {
  id: string;
  name?: string | null;
  scheme?: ConnectorSchemeInput | null;
  confirm?: boolean | null;
}

/** A connector of the project's own. An `issuer` is asked for its endpoints before anything is stored. */
export async function createConnector(ctx: Context, input: CreateConnectorInput): Promise<{ connector: ConnectorView }> {
  assertMay(ctx, "CONNECTOR_WRITE");
  parseInput(z.object({ idempotencyKey: idempotencyKeyField }), input);
  assertOwnSlug(ctx, input.slug);
  assertBaseUrl(input.baseUrl);
  const definition = await defineConnector(ctx, input);
  const { projectId } = ctx.caller;
  return ctx.services.database.transact(async (tx) => {
    const find = (id: string) => tx.customConnector.findFirst({ where: { projectId, id, deletedAt: null } });
    const { row } = await withIdempotency(ctx, tx, "createConnector", input, find, async () => {
      const id = newId();
      const data = {
        id,
        projectId,
        slug: definition.slug,
        name: definition.name,
        definition: asJson(definition),
        createdAt: tx.now,
        updatedAt: tx.now,
      };
      const { count } = await tx.customConnector.createMany({ data: [data], skipDuplicates: true });
      if (count === 0)
        throw new ConflictError(
          "DUPLICATE_NAME",
          `This project has a connector “${definition.slug}” already. Choose another slug.`,
        );
      await recordAudit(tx, ctx, {
        action: "connector.created",
        targetType: "Connector",
        targetId: id,
        details: { slug: definition.slug },
      });
      return tx.customConnector.findUniqueOrThrow({ where: { id } });
    });
    return { connector: ownView(row) };
  });
}

/**
 * Absent is unchanged, null cleared, a `scheme` replaces the whole one. A new origin that tokens or secrets would go to needs ADMIN and
 * `confirm`: what is connected becomes INVALID, and the configs' client secrets must be entered again (design 5.14). Another way to use
 * them at the same place needs `confirm`.
 */
export async function updateConnector(ctx: Context, input: UpdateConnectorInput): Promise<{ connector: ConnectorView }> {
  assertMay(ctx, "CONNECTOR_WRITE");
  const row = await findOwn(ctx, input.id);
  const before = row.definition as unknown as ConnectorDefinition;
  if (input.name === null) throw InvalidInputError.at(["name"], "REQUIRED", "The name cannot be cleared.");
  if (input.scheme === null) throw InvalidInputError.at(["scheme"], "REQUIRED", "The scheme cannot be cleared.");
  assertBaseUrl(input.baseUrl);
  const after = await redefine(ctx, before, row.name, input);
  const moved = !isWithin(receivingOrigins(after), receivingOrigins(before));
  if (moved && !may(ctx.caller, "CONNECTOR_DELETE")) {
    throw new ForbiddenError("This changes where secrets are sent, which only an ADMIN key may do.");
  }
  if (moved) {
    const message =
      "Changing where this connector's secrets are sent makes its credentials INVALID: their users must connect again.";
    await assertUnused(ctx, { connectorSlug: row.slug }, input.confirm, message);
  } else if (changesCalls(before, after)) {
    const message =
      "Changing how this connector's secrets are used reaches its credentials at once: what is connected may stop working.";
    await assertUnused(ctx, { connectorSlug: row.slug }, input.confirm, message);
  }
  return ctx.services.database.transact(async (tx) => {
    if (sameJson(before, after) && row.name === after.name) return { connector: ownView(row) };
    const { count } = await tx.customConnector.updateMany({
      // Of two updates at once the second one was worked out from what is no more.
      where: { id: row.id, deletedAt: null, updatedAt: row.updatedAt },
      data: { name: after.name, definition: asJson(after), updatedAt: tx.now },
    });
    if (count === 0)
      throw new ConflictError("CONFLICT", "This connector was changed at the same moment. Read it again and repeat your change.");
    await assertSameScheme(tx, row, before, after);
    const invalidated = moved ? await cutOff(ctx, tx, row) : 0;
    const changed = Object.keys(input).filter((key) => key !== "id" && key !== "confirm");
    const details = { slug: before.slug, changed, invalidatedCredentials: invalidated };
    await recordAudit(tx, ctx, { action: "connector.updated", targetType: "Connector", targetId: row.id, details });
    return { connector: ownView(await tx.customConnector.findUniqueOrThrow({ where: { id: row.id } })) };
  });
}

/** InUseError until confirmed; then its auth configs go with it, and what they connected is revoked. */
export async function deleteConnector(
  ctx: Context,
  input: { id: string; confirm?: boolean | null },
): Promise<{ deletedId: string }> {
  assertMay(ctx, "CONNECTOR_DELETE");
  const row = await findOwn(ctx, input.id);
  if (!input.confirm) await assertNoConfigs(ctx, row);
  await ctx.services.database.transact((tx) => remove(ctx, tx, row), DELETION);
  return { deletedId: input.id };
}

async function remove(ctx: Context, tx: Tx, row: CustomConnector): Promise<void> {
  const { projectId } = row;
  const deleted = { deletedAt: tx.now, updatedAt: tx.now };
  const { count } = await tx.customConnector.updateMany({ where: { id: row.id, deletedAt: null }, data: deleted });
  if (count === 0) throw notFound();
  const configs = await configsOf(tx, row);
  for (const config of configs) await removeAuthConfig(ctx, tx, config);
  await tx.authConfig.updateMany({ where: { projectId, connectorSlug: row.slug, deletedAt: null }, data: deleted });
  await removeUnneededClients(tx, configs);
  // History keeps its connector; whoever takes the slug next does not get it. Its credentials were ended by what it says before that.
  const slug = deletedSlug(row.id);
  await tx.customConnector.update({ where: { id: row.id }, data: { slug }, select: { id: true } });
  const where = { projectId, connectorSlug: row.slug };
  for (const rename of [tx.authConfig, tx.credential, tx.connectionRequest, tx.opening] as unknown as Renames[]) {
    await rename.updateMany({ where, data: { connectorSlug: slug } });
  }
  await recordAudit(tx, ctx, {
    action: "connector.deleted",
    targetType: "Connector",
    targetId: row.id,
    details: { slug: row.slug },
  });
}

/** The one method that the four tables with a `connectorSlug` are used by here. */
interface Renames {
  updateMany(args: { where: { projectId: string; connectorSlug: string }; data: { connectorSlug: string } }): Promise<unknown>;
}

async function assertNoConfigs(ctx: Context, row: CustomConnector): Promise<void> {
  const configs = await ctx.services.database.prisma.authConfig.count({
    where: { projectId: row.projectId, connectorSlug: row.slug, deletedAt: null },
  });
  if (configs === 0) return;
  const impact = await credentialImpact(ctx, { connectorSlug: row.slug });
  throw inUse(`Deleting this connector deletes its auth configs (${configs}) and revokes what they connected.`, impact);
}

/** What an auth config holds, and what its credentials do, is of one scheme. How that is applied may change: at once, for all of them. */
async function assertSameScheme(tx: Tx, row: CustomConnector, before: ConnectorDefinition, after: ConnectorDefinition) {
  const [was, is] = [before.schemes[0], after.schemes[0]];
  if (was?.key === is?.key) return;
  const [config] = await configsOf(tx, row);
  if (!config) return;
  throw new ConflictError(
    "CONFLICT",
    `The auth config “${config.name}” was made for “${was?.name}”. Delete this connector's auth configs first, or make another connector.`,
  );
}

/** Live grants become INVALID; the secrets that would have gone elsewhere are destroyed, and the configs say that they want new ones. */
async function cutOff(ctx: Context, tx: Tx, row: CustomConnector): Promise<number> {
  const configs = await configsOf(tx, row);
  await failFlows(tx, actorOf(ctx.caller), { in: configs.map(({ id }) => id) });
  for (const config of configs) {
    await destroyRetained(ctx.services, tx, config);
    await ctx.services.vault.destroy(tx, { projectId: row.projectId, table: "AuthConfig", id: config.id });
    const lost = [
      ...(config.hasClientSecret ? ["client secret"] : []),
      ...(config.presetFields.length > 0 ? ["preset fields"] : []),
    ];
    const errorReason = `The connector's address was changed. Enter the ${lost.join(" and the ")} again with updateAuthConfig.`;
    await tx.authConfig.update({
      where: { id: config.id },
      data: {
        version: { increment: 1 },
        updatedAt: tx.now,
        ...(lost.length > 0 && { hasClientSecret: false, clientSecretExpiresAt: null, presetFields: [], errorReason }),
      },
      select: { id: true },
    });
  }
  return invalidateCredentials(tx, actorOf(ctx.caller), { connectorSlug: row.slug }, CONFIG_CHANGED);
}

function configsOf(tx: Tx, row: CustomConnector): Promise<AuthConfig[]> {
  return tx.authConfig.findMany({ where: { projectId: row.projectId, connectorSlug: row.slug, deletedAt: null } });
}

async function findOwn(ctx: Context, publicId: string): Promise<CustomConnector> {
  const id = decodeId("Connector", publicId);
  const where = { projectId: ctx.caller.projectId, id: id ?? "", deletedAt: null };
  const row = id ? await ctx.services.database.prisma.customConnector.findFirst({ where }) : null;
  if (!row) throw notFound();
  return row;
}

function notFound(): NotFoundError {
  return new NotFoundError("This project has no connector of its own with this id. Built-in connectors cannot be changed.");
}

/** The stored definition put back into its input, changed, and defined anew; without a new scheme the present one stays as it is. */
async function redefine(
  ctx: Context,
  before: ConnectorDefinition,
  name: string,
  input: UpdateConnectorInput,
): Promise<ConnectorDefinition> {
  const pick = <T>(given: T | undefined, present: T) => (given === undefined ? present : given);
  const baseUrl = pick(input.baseUrl, before.api?.baseUrl ?? null);
  const present = before.api?.verification;
  const merged: CustomConnectorInput = {
    slug: before.slug,
    name: input.name ?? name,
    description: pick(input.description, before.description),
    logoUrl: pick(input.logoUrl, before.logoUrl ?? null),
    baseUrl,
    docsUrl: pick(input.docsUrl, before.docsUrl),
    // Of no more use than that everything else is checked: the present scheme is put back below.
    scheme: input.scheme ?? { none: {} },
    verification: pick(input.verification, present && baseUrl ? verificationInput(present) : null),
  };
  if (input.scheme) return defineConnector(ctx, merged);
  return {
    ...customConnector(merged, { allowHttp: ctx.services.allowHttp }),
    schemes: before.schemes,
    ...(before.given && { given: { ...givenDefinition(merged), scheme: before.given.scheme } }),
  };
}

function isWithin(after: ReadonlySet<string>, before: ReadonlySet<string>): boolean {
  return [...after].every((origin) => before.has(origin));
}

/** What a call, a refresh or a test of something connected is made with; of another scheme there is more to say (`assertSameScheme`). */
const USED = [
  ...["tokenUrl", "refreshUrl", "tokenAuthMethod", "tokenBodyFormat", "refreshParameters", "resource"],
  ...["location", "parameterName", "headerName", "prefix"],
];

function changesCalls(before: ConnectorDefinition, after: ConnectorDefinition): boolean {
  const [was, is] = [before, after].map(({ schemes: [scheme], api }) => ({
    key: scheme?.key,
    baseUrl: api?.baseUrl,
    ...Object.fromEntries(USED.map((name) => [name, (scheme as unknown as Record<string, unknown>)?.[name]])),
  }));
  return was!.key === is!.key && !sameJson(was, is);
}

function asJson(definition: ConnectorDefinition): Prisma.InputJsonObject {
  return definition as unknown as Prisma.InputJsonObject;
}
