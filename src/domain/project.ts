import { z } from "zod";
import type { Prisma } from "../db/database.ts";
import type { ApiKey, Project } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { ForbiddenError, NotFoundError } from "../lib/errors.ts";
import { isOrigin, isReturnUrl } from "../lib/front-end.ts";
import { decodeId, newId } from "../lib/ids.ts";
import { recordAudit, recordAuditAs } from "./audit.ts";
import { forgetCallers } from "./authenticate.ts";
import { assertApiKey, assertMay, may } from "./caller.ts";
import { fault, idField, isNotBlank, line, mergeJson, nameField, parseInput, sameJson, webUrl } from "./input.ts";
import type { Context } from "./services.ts";
import { mintToken } from "./tokens.ts";

export interface Branding {
  productName?: string | null;
  logoUrl?: string | null;
  logoDarkUrl?: string | null;
  accentColor?: string | null;
  privacyUrl?: string | null;
  termsUrl?: string | null;
  supportUrl?: string | null;
}

export interface UpdateProjectInput {
  id: string;
  name?: string | null;
  allowedReturnUrls?: readonly string[] | null;
  allowedOrigins?: readonly string[] | null;
  branding?: Branding | null;
  verifyUrl?: string | null;
}

/** For ADMIN keys of the first project. `key` is the new project's first ADMIN key, shown this once. */
export async function createProject(
  ctx: Context,
  input: { name: string },
): Promise<{ project: Project; apiKey: ApiKey; key: string }> {
  assertOperator(ctx);
  const { name } = parseInput(z.object({ name: nameField }), input);
  const minted = mintToken("mlk_");
  return ctx.services.database.transact(async (tx) => {
    const project = await tx.project.create({ data: { id: newId(), name, createdAt: tx.now, updatedAt: tx.now } });
    const apiKey = await tx.apiKey.create({
      data: {
        id: newId(),
        projectId: project.id,
        name: "First key",
        role: "ADMIN",
        prefix: minted.prefix,
        hash: minted.hash,
        createdAt: tx.now,
      },
    });
    const entry = { action: "project.created", targetType: "Project" as const, targetId: project.id };
    await recordAudit(tx, ctx, entry);
    await recordAuditAs(
      tx,
      { projectId: project.id, actorType: null, actorId: null, actorLabel: "The operator", ip: null },
      entry,
    );
    return { project, apiKey, key: minted.token };
  });
}

/** For ADMIN keys, of their own project. Lists are replaced as a whole; branding merges by key. */
export async function updateProject(ctx: Context, input: UpdateProjectInput): Promise<{ project: Project }> {
  assertApiKey(ctx);
  assertMay(ctx, "PROJECT_MANAGE");
  const given = parseInput(updateInput(ctx), input);
  const { projectId } = ctx.caller;
  if (decodeId("Project", given.id) !== projectId)
    throw new NotFoundError("There is no such project. A key changes its own project only.");
  const { project, changed } = await ctx.services.database.transact(async (tx) => {
    const present = await tx.project.findUniqueOrThrow({ where: { id: projectId } });
    const wanted = {
      ...(given.name && { name: given.name }),
      ...(given.allowedReturnUrls !== undefined && { allowedReturnUrls: [...new Set(given.allowedReturnUrls)] }),
      ...(given.allowedOrigins !== undefined && { allowedOrigins: [...new Set(given.allowedOrigins)] }),
      ...(given.branding !== undefined && { branding: mergeJson(present.branding, given.branding) as Prisma.InputJsonObject }),
      ...(given.verifyUrl !== undefined && { verifyUrl: given.verifyUrl }),
    };
    const changed = Object.entries(wanted).flatMap(([key, value]) =>
      sameJson(present[key as keyof Project], value) ? [] : [key],
    );
    if (changed.length === 0) return { project: present, changed };
    const project = await tx.project.update({ where: { id: projectId }, data: { ...wanted, updatedAt: tx.now } });
    if (changed.includes("allowedOrigins")) await announce(tx, `origins:changed:${projectId}`);
    await recordAudit(tx, ctx, { action: "project.updated", targetType: "Project", targetId: projectId, details: { changed } });
    return { project, changed };
  });
  if (changed.includes("allowedOrigins")) forgetCallers(ctx.services, projectId);
  return { project };
}

/** Its own; the operator's ADMIN keys see every project. */
export function visibleProjects({ caller }: Context): Prisma.ProjectWhereInput {
  const all = caller.isOperatorProject && may(caller, "PROJECT_MANAGE");
  return { deletedAt: null, ...(!all && { id: caller.projectId }) };
}

/** For `Query.projects`. Throws ForbiddenError. */
export function projectWhere(ctx: Context): Prisma.ProjectWhereInput {
  assertOperator(ctx);
  return visibleProjects(ctx);
}

export function projectOrder(): Prisma.ProjectOrderByWithRelationInput[] {
  return [{ createdAt: "asc" }, { id: "asc" }];
}

/** Throws ForbiddenError. */
export function assertOperator(ctx: Context): void {
  assertApiKey(ctx);
  assertMay(ctx, "PROJECT_MANAGE");
  if (!ctx.caller.isOperatorProject)
    throw new ForbiddenError("Only ADMIN keys of the first project, the operator's, manage projects.");
}

function updateInput({ services }: Context) {
  const url = (label: string) => webUrl(label, services.allowHttp).nullish();
  const list = <T extends z.ZodType>(item: T) =>
    z.array(item).max(100, "At most 100 can be listed.").nullish().transform(cleared);
  return z.object({
    id: idField,
    name: z.union([nameField, z.null().refine(() => false, fault("REQUIRED", "The name cannot be cleared."))]).optional(),
    allowedReturnUrls: list(line("A return URL", 2_048).refine(isReturnUrl, fault("NOT_ALLOWED", RETURN_URL))),
    allowedOrigins: list(line("An origin", 300).refine(isOrigin, fault("PATTERN", ORIGIN))),
    verifyUrl: url("The verify URL"),
    branding: z
      .object({
        productName: line("The product name", 100)
          .refine(isNotBlank, fault("REQUIRED", "The product name must not be blank."))
          .nullish(),
        logoUrl: url("The logo URL"),
        logoDarkUrl: url("The dark logo URL"),
        accentColor: z
          .string()
          .regex(/^#[0-9a-f]{6}$/i, "The accent colour has the form #rrggbb.")
          .nullish(),
        privacyUrl: url("The privacy URL"),
        termsUrl: url("The terms URL"),
        supportUrl: url("The support URL"),
      })
      .nullish(),
  });
}

/** Null clears a list. */
function cleared<T>(value: T[] | null | undefined): T[] | undefined {
  return value === null ? [] : value;
}

const RETURN_URL =
  "A return URL is a complete URL without fragment: https://…, http://… or an app's own scheme, such as myapp://connected.";
const ORIGIN = "An origin is scheme, host and port only, such as https://app.example.com, as the browser writes it.";
