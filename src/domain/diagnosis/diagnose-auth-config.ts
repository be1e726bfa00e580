import type { AuthConfig } from "../../db/generated/client.ts";
import { InvalidInputError, NotFoundError } from "../../lib/errors.ts";
import { decodeId } from "../../lib/ids.ts";
import { type Check, passed, warning } from "../../schemes/check.ts";
import { recordAudit } from "../audit.ts";
import { type CreateAuthConfigInput, planAuthConfig } from "../auth-config-plan.ts";
import { authConfigStatus, authConfigStatusReason, visibleAuthConfigs } from "../auth-config-view.ts";
import { assertMay } from "../caller.ts";
import type { Context } from "../services.ts";
import { subjectOfPlan, subjectOfRow } from "./diagnose-subject.ts";
import { countDiagnosis, type Diagnosis, diagnose } from "./diagnosis.ts";

/** `input DiagnoseAuthConfigInput @oneOf` of the public schema. */
export interface DiagnoseAuthConfigInput {
  id?: string | null;
  draft?: CreateAuthConfigInput | null;
}

/** Nothing is changed, nothing of a draft is stored; that secrets were sent is on record. Throws what createAuthConfig would of a draft. */
export async function diagnoseAuthConfig(
  ctx: Context,
  input: DiagnoseAuthConfigInput,
): Promise<{ authConfig: AuthConfig | null; diagnosis: Diagnosis }> {
  assertMay(ctx, "AUTH_CONFIG_UPDATE");
  const authConfig = input.draft ? null : await find(ctx, input.id ?? "");
  const subject = authConfig
    ? await subjectOfRow(ctx, authConfig)
    : subjectOfPlan(ctx, await under("draft", () => planAuthConfig(ctx, input.draft!)));
  countDiagnosis(ctx);
  const { checks, ok } = await diagnose(ctx.services, subject);
  const diagnosis = { ok, checks: authConfig ? [stateCheck(ctx, authConfig), ...checks] : checks };
  await ctx.services.database.transact((tx) =>
    recordAudit(tx, ctx, {
      action: "auth_config.diagnosed",
      targetType: authConfig ? "AuthConfig" : null,
      targetId: authConfig?.id ?? null,
      details: { connector: subject.connector.slug, draft: authConfig === null, ...toldOf(diagnosis) },
    }),
  );
  return { authConfig, diagnosis };
}

/** Runs what knows its own input only: each fault's path begins with the member that the input stands in. */
export async function under<T>(member: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new InvalidInputError(error.issues.map((issue) => ({ ...issue, path: [member, ...issue.path] })));
  }
}

/** What of a diagnosis is kept: which checks did not pass. */
export function toldOf({ ok, checks }: Diagnosis): { ok: boolean; failed: string[]; warnings: string[] } {
  const names = (outcome: string) => [...new Set(checks.filter((check) => check.outcome === outcome).map(({ name }) => name))];
  return { ok, failed: names("FAILED"), warnings: names("WARNING") };
}

/** What Moorline itself knows of the config: it may be switched off, or the provider may have refused its client before. */
function stateCheck({ caller }: Context, row: AuthConfig): Check {
  const name = "CONFIG_ACTIVE";
  const status = authConfigStatus(row, caller.now);
  if (status === "ACTIVE") return passed(name, "The auth config is ACTIVE.");
  const remedy =
    status === "ERROR" ? "What the checks below say goes for now: enter the client's secret again if they fail." : null;
  return warning(name, `The auth config is ${status}. ${authConfigStatusReason(row, caller.now) ?? ""}`.trim(), remedy);
}

async function find(ctx: Context, publicId: string): Promise<AuthConfig> {
  const id = decodeId("AuthConfig", publicId);
  const where = { AND: [visibleAuthConfigs(ctx), { id: id ?? "" }] };
  const row = id ? await ctx.services.database.prisma.authConfig.findFirst({ where }) : null;
  if (!row) throw new NotFoundError("There is no such auth config in this project. Check the id.");
  return row;
}
