import { ForbiddenError } from "../lib/errors.ts";
import type { Permission, Role } from "./permissions.ts";

/** Who is calling: an API key or a user session. Made by `domain/authenticate.ts`; tests and jobs never make one by hand. */
export interface Caller {
  readonly projectId: string;
  readonly role: Role;
  readonly permissions: ReadonlySet<Permission>;
  /** UUID of the API key; null for a user session. */
  readonly apiKeyId: string | null;
  /** UUID of the dashboard session that acts as this API key; null for the key itself, and for a user session. */
  readonly dashboardSessionId: string | null;
  /** UUIDs of the session and its user; null for an API key. Of a link to a request that is the project's own there is no user. */
  readonly sessionId: string | null;
  readonly userId: string | null;
  /** A key of the first project: with PROJECT_MANAGE it manages projects. */
  readonly isOperatorProject: boolean;
  /** Null: all. A session's choice of connectors, or a key's narrowing (which holds for use, reveal and proxy). */
  readonly connectorSlugs: readonly string[] | null;
  /** A key's narrowing to users (UUIDs); null: all. */
  readonly userIds: readonly string[] | null;
  /** A key's narrowing to HTTP methods of the proxy and callApi; null: all. */
  readonly methods: readonly string[] | null;
  /** UUID: the session of a link to one request, which is this one or a retry of it; nothing else exists for it. */
  readonly requestId: string | null;
  /** UUID: the session of a link with a choice of connectors. */
  readonly linkId: string | null;
  /** For the audit log: the key's name, with where it acts from if that is the dashboard, or the user's externalId. */
  readonly label: string;
  readonly ip: string | null;
  readonly locale: string | null;
  /** When the token ends; null: never. */
  readonly expiresAt: Date | null;
  /** The project's origins: an `Origin` header outside of it is refused. */
  readonly allowedOrigins: readonly string[];
  /** The database's time when the token was looked up: what "now" means for the whole request's reads. */
  readonly now: Date;
}

/** UUID of whoever acts, for idempotency and audit. */
export function callerId(caller: Caller): string {
  return (caller.apiKeyId ?? caller.sessionId)!;
}

/** UUIDs of all that the caller's token hangs on: a change of any of them (topic `token:<id>`) may have ended it. */
export function tokenIds({ apiKeyId, sessionId, dashboardSessionId }: Omit<Caller, "ip" | "now">): string[] {
  return [apiKeyId, sessionId, dashboardSessionId].filter((id) => id !== null);
}

export function may(caller: Caller, permission: Permission): boolean {
  return caller.permissions.has(permission);
}

/** Nobody's back end: a browser, whose own objects are all that exists for it. */
export function isUserSession(caller: Pick<Caller, "apiKeyId">): boolean {
  return caller.apiKeyId === null;
}

/** Whose objects exist for a caller: a session's own user's, which for one without a user are the project's own; for keys all. */
export function ownedBy(caller: Pick<Caller, "apiKeyId" | "userId">): { userId?: string | null } {
  return isUserSession(caller) ? { userId: caller.userId } : {};
}

/** A link's session, which can do just what leads to the end of a request. */
export function isHosted({ requestId, linkId }: Pick<Caller, "requestId" | "linkId">): boolean {
  return requestId !== null || linkId !== null;
}

/** For what carries on with a request that the caller sees: whoever may start one, and the session of a link to it. Throws ForbiddenError. */
export function assertMayFinish(ctx: { readonly caller: Caller }): void {
  if (ctx.caller.requestId === null) assertMay(ctx, "CONNECTION_INITIATE");
}

/** The one assertion about permissions. Throws ForbiddenError. */
export function assertMay({ caller }: { readonly caller: Caller }, permission: Permission): void {
  if (may(caller, permission)) return;
  throw new ForbiddenError(
    isHosted(caller)
      ? "The session of a link connects what the link is for, and may not do this."
      : isUserSession(caller)
        ? "A user session may not do this: call it from your back end with an API key."
        : `This API key (role ${caller.role}) lacks the permission ${permission}. Use a key that has it, or ask an ADMIN for one.`,
  );
}

/** For what only API keys do, whatever their permissions. */
export function assertApiKey({ caller }: { readonly caller: Caller }): void {
  if (!caller.apiKeyId) throw new ForbiddenError("A user session may not do this: call it from your back end with an API key.");
}

/** What an API key is narrowed to holds wherever a secret is about to be used. Throws ForbiddenError. */
export function assertWithin(
  { caller }: { readonly caller: Caller },
  credential: { connectorSlug: string; userId: string | null },
): void {
  const { connectorSlugs, userIds } = caller;
  if (connectorSlugs && !connectorSlugs.includes(credential.connectorSlug)) throw narrowed("connectors");
  if (userIds && !userIds.includes(credential.userId ?? "")) throw narrowed("users");
}

/** The same for HTTP methods. Null: the secret itself is handed out, and with it every method. */
export function assertMethodWithin({ caller }: { readonly caller: Caller }, method: string | null): void {
  if (caller.methods && !caller.methods.includes(method ?? "")) throw narrowed("HTTP methods");
}

function narrowed(what: string): ForbiddenError {
  return new ForbiddenError(`This API key is narrowed to certain ${what}, which this is not within. Use a key that reaches it.`);
}
