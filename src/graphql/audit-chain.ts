/** Whether the audit log is what was written: the head of a project's hash chain, and the check of the whole of it. */
import { type AuditFault, type AuditPosition, type AuditVerification, verifyAudit } from "../domain/audit-verify.ts";
import { may } from "../domain/caller.ts";
import { encodeId } from "../lib/ids.ts";
import { builder } from "./builder.ts";
import { batch, type GraphQLContext } from "./context.ts";
import { ProjectType } from "./refs.ts";

const AuditPositionType = builder.objectRef<AuditPosition>("AuditPosition").implement({
  description:
    "A place in a project's hash chain of audit events. Kept elsewhere, it later tells whether the chain was cut or written anew.",
  fields: (t) => ({
    sequence: t.float({
      description: "Counts events from 1; 0: before the first one. A whole number.",
      resolve: ({ sequence }) => Number(sequence),
    }),
    hash: t.string({
      description: "64 hexadecimal digits, all zeros before the first event; see AuditSeal.",
      resolve: ({ hash }) => Buffer.from(hash).toString("hex"),
    }),
  }),
});

builder.prismaObjectField(ProjectType, "auditHead", (t) =>
  t.field({
    type: AuditPositionType,
    nullable: true,
    description:
      "The last sealed audit event's place and hash: keep it outside of this database now and then, and give it to auditVerification later. Null before the first one, and without the permission to read the audit log.",
    resolve: ({ id }, _args, context) => (may(context.caller, "AUDIT_READ") ? headOf(context, id) : null),
  }),
);

function headOf(context: GraphQLContext, projectId: string): Promise<AuditPosition | null> {
  return batch<AuditPosition | null>(context, "audit head", async (ids) => {
    const rows = await context.services.database.prisma.auditChain.findMany({ where: { projectId: { in: [...ids] } } });
    return ids.map((id) => rows.find((row) => row.projectId === id) ?? null);
  }).load(projectId);
}

const AuditFaultType = builder.objectRef<AuditFault>("AuditFault").implement({
  description: "The first place of a hash chain that is not as it was sealed.",
  fields: (t) => ({
    sequence: t.float({ description: "Which place; a whole number.", resolve: ({ sequence }) => Number(sequence) }),
    eventId: t.id({
      nullable: true,
      description: "The event that stands there now, `aud_…`; null: none does.",
      resolve: ({ eventId }) => eventId && encodeId("AuditEvent", eventId),
    }),
    message: t.exposeString("message", { description: "What is wrong there." }),
  }),
});

const AuditVerificationType = builder.objectRef<AuditVerification>("AuditVerification").implement({
  description: "What came of computing a project's hash chain of audit events again.",
  fields: (t) => ({
    fault: t.field({
      type: AuditFaultType,
      nullable: true,
      description: "The first broken place; null: everything that was looked at is as it was sealed.",
      resolve: ({ fault }) => fault,
    }),
    checkedCount: t.exposeInt("checkedCount", { description: "How many events were found right this time." }),
    position: t.field({
      type: AuditPositionType,
      description: "Up to where: give it back as `since` to go on, now or another day.",
      resolve: ({ position }) => position,
    }),
    complete: t.exposeBoolean("complete", { description: "True: up to the head. False: there is more, or a fault." }),
    unsealedCount: t.exposeInt("unsealedCount", {
      description: "Events that are not in the chain yet: sealing is some seconds behind.",
    }),
  }),
});

const AuditPositionInput = builder.inputType("AuditPositionInput", {
  description: "A place in a hash chain of audit events, as Project.auditHead or an AuditVerification gave it.",
  fields: (t) => ({
    sequence: t.float({ required: true, description: "A whole number." }),
    hash: t.string({ required: true, description: "64 hexadecimal digits." }),
  }),
});

builder.queryField("auditVerification", (t) =>
  t.field({
    type: AuditVerificationType,
    nullable: true,
    description:
      "Computes the hash chain of a project's audit events again: what was taken out, changed or put into another order shows. 50,000 events at a time. For ADMIN keys.",
    args: {
      projectId: t.arg.id({ description: "Absent: the caller's own. Others are for ADMIN keys of the first project." }),
      since: t.arg({
        type: AuditPositionInput,
        description: "Only what follows, and whether the chain still has this very hash there; absent: from the beginning.",
      }),
    },
    complexity: 1_000,
    resolve: (_root, args, context) => verifyAudit(context, args),
  }),
);
