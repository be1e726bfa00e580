import type { AuthConfig } from "../../db/generated/client.ts";
import { InvalidInputError, NotFoundError } from "../../lib/errors.ts";
import { decodeId } from "../../lib/ids.ts";
import { type Check, passed, warning } from "../../schemes/check.ts";
import { recordAudit } from "../audit.ts";
import { type CreateAuthConfigInput, planAuthConfig } from "../auth-config-plan.ts";
import { plannedUpdate } from "../auth-config-update.ts";
import type { UpdateAuthConfigInput } from "../auth-config-update-plan.ts";
import { authConfigStatus, authConfigStatusReason, visibleAuthConfigs } from "../auth-config-view.ts";
import { assertMay } from "../caller.ts";
import type { Context } from "../services.ts";
import { changedRow, type Subject, subjectOfChange, subjectOfPlan, subjectOfRow } from "./diagnose-subject.ts";
import { countDiagnosis, type Diagnosis, diagnose } from "./diagnosis.ts";

/** `input DiagnoseAuthConfigInput @oneOf` of the public schema. */
export interface DiagnoseAuthConfigInput {
  id?: string | null;
  draft?: CreateAuthConfigInput | null;
  change?: UpdateAuthConfigInput | null;
}

/**
 * Nothing is changed, nothing of a draft or a change is stored; that secrets were sent is on record. Throws what createAuthConfig would
 * of a draft, and what updateAuthConfig would of a change, but for whom it touches.
 */
export async function diagnoseAuthConfig(
  ctx: Context,
  input: DiagnoseAuthConfigInput,
): Promise<{ authConfig: AuthConfig | null; diagnosis: Diagnosis }> {
  assertMay(ctx, "AUTH_CONFIG_UPDATE");
  const { authConfig, subject, state } = await asked(ctx, input);
  countDiagnosis(ctx);
  const { checks, ok } = await diagnose(ctx.services, subject);
  const diagnosis = { ok, checks: state ? [stateCheck(ctx, state), ...checks] : checks };
  await ctx.services.database.transact((tx) =>
    recordAudit(tx, ctx, {
      action: "auth_config.diagnosed",
      targetType: authConfig ? "AuthConfig" : null,
      targetId: authConfig?.id ?? null,
      details: {
        connector: subject.connector.slug,
        draft: authConfig === null,
        change: Boolean(input.change),
        ...toldOf(diagnosis),
      },
    }),
  );
  return { authConfig, diagnosis };
}

/** `state`: the row as it is, or would be after the change; null: there is none yet. */
interface Asked {
  authConfig: AuthConfig | null;
  subject: Subject;
  state: AuthConfig | null;
}

async function asked(ctx: Context, { id, draft, change }: DiagnoseAuthConfigInput): Promise<Asked> {
  if (draft) {
    const plan = await under("draft", () => planAuthConfig(ctx, draft));
    return { authConfig: null, subject: subjectOfPlan(ctx, plan), state: null };
  }
  if (change) {
    const planned = await under("change", () => plannedUpdate(ctx, change));
    return { authConfig: planned.before, subject: await subjectOfChange(ctx, planned), state: changedRow(planned) };
  }
  const authConfig = await find(ctx, id ?? "");
  return { authConfig, subject: await subjectOfRow(ctx, authConfig), state: authConfig };
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
