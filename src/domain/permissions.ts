/** `enum Role` of the public schema. */
export type Role = "ADMIN" | "DEVELOPER" | "VIEWER" | "END_USER";

/** The closed list of actions that the domain asks about (`enum Permission`). Nothing decides by role but this file. */
export const PERMISSIONS = [
  "AUTH_CONFIG_READ",
  "AUTH_CONFIG_CREATE",
  "AUTH_CONFIG_UPDATE",
  "AUTH_CONFIG_DELETE",
  "CREDENTIAL_READ",
  "CREDENTIAL_CREATE",
  "CREDENTIAL_USE",
  "CREDENTIAL_REVEAL",
  "CREDENTIAL_DELETE",
  "CONNECTION_INITIATE",
  "CONNECTOR_READ",
  "CONNECTOR_WRITE",
  "CONNECTOR_DELETE",
  "USER_READ",
  "USER_WRITE",
  "USER_DELETE",
  "WEBHOOK_MANAGE",
  "AUDIT_READ",
  "API_KEY_MANAGE",
  "PROJECT_READ",
  "PROJECT_MANAGE",
] as const;

export type Permission = (typeof PERMISSIONS)[number];

const READS: Permission[] = ["AUTH_CONFIG_READ", "CREDENTIAL_READ", "CONNECTOR_READ", "USER_READ", "PROJECT_READ"];

const WRITES: Permission[] = [
  ...READS,
  "AUTH_CONFIG_CREATE",
  "AUTH_CONFIG_UPDATE",
  "CONNECTOR_WRITE",
  "USER_WRITE",
  "CREDENTIAL_CREATE",
  "CREDENTIAL_USE",
  "CONNECTION_INITIATE",
];

/** What a role may do before an API key's own list adds to it. END_USER's cover its own objects only: visibility sees to that. */
export const ROLE_PERMISSIONS: Record<Role, readonly Permission[]> = {
  ADMIN: PERMISSIONS,
  DEVELOPER: WRITES,
  VIEWER: READS,
  END_USER: [
    "AUTH_CONFIG_READ",
    "CREDENTIAL_READ",
    "CONNECTOR_READ",
    "USER_READ",
    "CREDENTIAL_CREATE",
    "CREDENTIAL_DELETE",
    "CONNECTION_INITIATE",
  ],
};

/** What is left of END_USER's to the session of a link: to a request, or with a choice of connectors. Links are sent about. */
const LINK_PERMISSIONS: Record<"request" | "choice", readonly Permission[]> = {
  request: ["AUTH_CONFIG_READ", "CREDENTIAL_READ", "CONNECTOR_READ", "USER_READ"],
  choice: ["AUTH_CONFIG_READ", "CREDENTIAL_READ", "CONNECTOR_READ", "USER_READ", "CONNECTION_INITIATE"],
};

export function permissionsOfSession(link: "request" | "choice" | null): ReadonlySet<Permission> {
  return new Set(link ? LINK_PERMISSIONS[link] : ROLE_PERMISSIONS.END_USER);
}

/** A key may hold more than its role: `CREDENTIAL_REVEAL` for a DEVELOPER's back end, say. */
export function permissionsOf(role: Role, added: readonly string[]): ReadonlySet<Permission> {
  return new Set([...ROLE_PERMISSIONS[role], ...PERMISSIONS.filter((permission) => added.includes(permission))]);
}
