import type { InputIssue } from "../lib/errors.ts";
import {
  ConflictError,
  CredentialNotUsableError,
  ForbiddenError,
  InUseError,
  InvalidInputError,
  NotFoundError,
  ProviderError,
  TestFailedError,
  type UserError,
} from "../lib/errors.ts";
import { builder, enumType } from "./builder.ts";
import { ImpactType } from "./impact.ts";
import { CredentialType } from "./refs.ts";
import { TestResultType } from "./test-result.ts";

export const ErrorCodeEnum = enumType("ErrorCode", "What kind of expected failure it is. Open: keep a default branch.", {
  INVALID_INPUT: "The input does not fit: see `issues`.",
  NOT_FOUND: "Something named in the input does not exist for the caller.",
  FORBIDDEN: "The caller lacks the permission.",
  IN_USE: "Something still depends on the object: see `impact`, and repeat with `confirm: true`.",
  CONFLICT: "The operation contradicts the present state.",
  DUPLICATE_NAME: "The name or slug is taken.",
  STALE_VERSION: "The object has changed since `version` was read: read it again.",
  ALREADY_FINISHED: "It has ended already; nothing was changed.",
  IDEMPOTENCY_MISMATCH: "The idempotency key was used with another input within the last day.",
  AMBIGUOUS_AUTH_CONFIG: "The connector has several enabled auth configs: name one by id.",
  NO_AUTH_CONFIG: "The connector has no enabled auth config.",
  NO_MANAGED_APP: "The operator set no default developer app for the connector: give your own client id.",
  AMBIGUOUS_CREDENTIAL: "Several usable credentials match: name one by id.",
  CREDENTIAL_NOT_USABLE: "The credential is expired, invalid, disabled or revoked.",
  TEST_FAILED: "The test that was asked for failed; nothing was saved.",
  PROVIDER_ERROR: "The third party refused or could not be reached.",
  RATE_LIMITED: "Too much at once: try again later.",
});

const UserErrorInterface = builder.interfaceRef<UserError>("UserError").implement({
  description: "An expected failure. Clients select `... on UserError { message code }` and so understand later ones, too.",
  fields: (t) => ({
    message: t.exposeString("message", {
      description: "For a person: what went wrong and what to do about it, in one or two sentences.",
    }),
    code: t.field({
      type: ErrorCodeEnum,
      description: "For a program: what kind of failure it is.",
      resolve: (error) => error.code,
    }),
  }),
});

const InputIssueCodeEnum = enumType("InputIssueCode", "What is wrong with a field. Open: keep a default branch.", {
  REQUIRED: "A value is missing.",
  UNKNOWN_FIELD: "There is no such field here.",
  WRONG_TYPE: "The value is of another type.",
  PATTERN: "The value does not have the expected form.",
  TOO_SHORT: "The text or list is too short.",
  TOO_LONG: "The text or list is too long.",
  OUT_OF_RANGE: "The number or moment is too small or too large.",
  NOT_ALLOWED: "The value is not one of those allowed here.",
  NOT_FOUND: "The value names something that does not exist.",
});

const InputIssueType = builder.objectRef<InputIssue>("InputIssue").implement({
  description: "One thing that is wrong with an input.",
  fields: (t) => ({
    path: t.exposeStringList("path", {
      description:
        '`path` from the input\'s root (`["fields", "subdomain"]`, list indexes as decimal strings); empty for the whole.',
    }),
    message: t.exposeString("message", { description: "For a person: what is wrong with the field and what to enter." }),
    code: t.field({ type: InputIssueCodeEnum, description: "For a program: what is wrong.", resolve: (issue) => issue.code }),
  }),
});

builder.objectType(InvalidInputError, {
  name: "InvalidInputError",
  interfaces: [UserErrorInterface],
  description: "The input does not satisfy the schema of what it describes: each issue names the field it is about.",
  fields: (t) => ({
    issues: t.field({
      type: [InputIssueType],
      description: "One for each fault; never empty.",
      resolve: (error) => error.issues,
    }),
  }),
});

builder.objectType(NotFoundError, {
  name: "NotFoundError",
  interfaces: [UserErrorInterface],
  description: "Something named in the input does not exist, or not for the caller.",
});

builder.objectType(ForbiddenError, {
  name: "ForbiddenError",
  interfaces: [UserErrorInterface],
  description: "The caller lacks the permission for this operation. Nothing was changed.",
});

builder.objectType(ConflictError, {
  name: "ConflictError",
  interfaces: [UserErrorInterface],
  description: "The operation contradicts the present state; `code` says how.",
});

builder.objectType(InUseError, {
  name: "InUseError",
  interfaces: [UserErrorInterface],
  description: "Something still depends on the object. The caller sees on what, and can repeat with `confirm: true`.",
  fields: (t) => ({
    impact: t.field({ type: ImpactType, description: "What the operation would touch.", resolve: (error) => error.impact }),
  }),
});

builder.objectType(CredentialNotUsableError, {
  name: "CredentialNotUsableError",
  interfaces: [UserErrorInterface],
  description: "The credential is expired, invalid, disabled or revoked: `credential` says which and why.",
  fields: (t) => ({
    credential: t.prismaField({
      type: CredentialType,
      description: "The credential, with its `status` and `statusReason`.",
      resolve: (query, error, _args, { services }) =>
        services.database.prisma.credential.findFirstOrThrow({
          ...query,
          where: { projectId: error.projectId, id: error.credentialId },
        }),
    }),
  }),
});

builder.objectType(TestFailedError, {
  name: "TestFailedError",
  interfaces: [UserErrorInterface],
  description: "`test: true` was asked for and failed; nothing was saved.",
  fields: (t) => ({
    result: t.field({ type: TestResultType, description: "How the test ended.", resolve: (error) => error.result }),
  }),
});

builder.objectType(ProviderError, {
  name: "ProviderError",
  interfaces: [UserErrorInterface],
  description: "The third party refused or could not be reached.",
  fields: (t) => ({
    providerCode: t.string({
      nullable: true,
      description: "The provider's own OAuth error code (RFC 6749 section 5.2), where it gave one.",
      resolve: ({ details }) => details.providerCode,
    }),
    providerStatus: t.int({
      nullable: true,
      description: "HTTP status of the provider's answer; null where none came.",
      resolve: ({ details }) => details.providerStatus,
    }),
    retryable: t.boolean({
      description: "True where the same call may succeed later, then after so many seconds.",
      resolve: ({ details }) => details.retryable,
    }),
    retryAfterSeconds: t.int({
      nullable: true,
      description: "How long to wait before the next try, in seconds; null where the provider did not say.",
      resolve: ({ details }) => details.retryAfterSeconds,
    }),
  }),
});
