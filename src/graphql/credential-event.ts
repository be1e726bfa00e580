import type { CredentialStatus } from "../domain/credential.ts";
import type { CredentialEventKind } from "../domain/credential-event.ts";
import { builder, enumType } from "./builder.ts";
import { CredentialEventType } from "./refs.ts";
import { CredentialStatusEnum } from "./statuses.ts";

const CredentialEventKindEnum = enumType("CredentialEventKind", "What happened to a credential.", {
  CONNECTED: "The account was connected.",
  REAUTHORIZED: "The user authorized it again.",
  REFRESHED: "New tokens were obtained.",
  REFRESH_FAILED: "New tokens could not be obtained.",
  TESTED: "It was tested.",
  USED: "An API was called with it.",
  REVEALED: "Its secrets were read.",
  SCOPES_CHANGED: "The provider granted other scopes than before.",
  STATUS_CHANGED: "Its status changed, or it was switched on or off.",
  UPDATED: "Its label or fields were changed.",
  REVOKED: "It was revoked.",
});

builder.prismaObjectFields(CredentialEventType, (t) => ({
  sequence: t.exposeInt("sequence", { description: "Counts from 1 for each credential." }),
  at: t.expose("at", { type: "DateTime", description: "When." }),
  kind: t.field({
    type: CredentialEventKindEnum,
    description: "What happened.",
    resolve: ({ kind }) => kind as CredentialEventKind,
  }),
  status: t.field({
    type: CredentialStatusEnum,
    description: "The status after it.",
    resolve: ({ status }) => status as CredentialStatus,
  }),
  message: t.exposeString("message", { description: "For a person: what happened, in a sentence." }),
  providerCode: t.exposeString("providerCode", {
    nullable: true,
    description: "The provider's own error code; null: none. Inert text.",
  }),
}));
