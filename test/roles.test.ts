import { readFileSync } from "node:fs";
import {
  buildSchema,
  type GraphQLInputType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isListType,
  isRequiredArgument,
  isRequiredInputField,
} from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ADMIN_KEY, startTestApp, type TestApp } from "./support/app.ts";
import { run, send } from "./support/graphql.ts";
import { GROUPS } from "./support/matrix-groups.ts";
import { fieldOf, operation, outcomeOf, rootFields } from "./support/matrix-walk.ts";
import { createKey } from "./support/matrix-world.ts";
import { createProject } from "./support/oauth.ts";
import { createSession, createUser } from "./support/seed.ts";

/**
 * Who may call what, asked with nonsense: whoever may not is refused before anything else is looked at, and whoever may learns that
 * there is no such thing. What each caller gets with good arguments is in the golden matrix.
 */
const schema = buildSchema(readFileSync(new URL("../schema.graphql", import.meta.url), "utf8"));

/** What each permission opens. */
const OPENS: Record<string, string[]> = {
  AUTH_CONFIG_READ: ["authConfigs", "authConfig"],
  AUTH_CONFIG_CREATE: ["createAuthConfig"],
  AUTH_CONFIG_UPDATE: ["updateAuthConfig", "setAuthConfigEnabled", "diagnoseAuthConfig"],
  AUTH_CONFIG_DELETE: ["deleteAuthConfig"],
  CREDENTIAL_READ: [
    ...["credentials", "credential", "connectionRequests", "connectionRequest"],
    ...["credentialChanged", "connectionRequestUpdated", "connectionRequestsUpdated"],
  ],
  CREDENTIAL_CREATE: [
    ...["createCredential", "tryCredential", "importCredential", "updateCredential", "testCredential", "setCredentialEnabled"],
  ],
  CREDENTIAL_USE: ["refreshCredential", "callApi"],
  CREDENTIAL_REVEAL: ["revealCredential"],
  CREDENTIAL_DELETE: ["revokeCredential"],
  CONNECTION_INITIATE: [
    ...["initiateConnection", "reauthorizeCredential", "cancelConnectionRequest", "confirmConnection"],
    ...["submitConnectionForm", "retryConnectionRequest"],
  ],
  CONNECTOR_READ: ["connectors", "connector", "connectorCategories"],
  CONNECTOR_WRITE: ["createConnector", "updateConnector", "validateConnector"],
  CONNECTOR_DELETE: ["deleteConnector"],
  USER_READ: ["users", "user"],
  USER_WRITE: ["upsertUser", "createUserSession", "revokeUserSessions", "createConnectLink"],
  USER_DELETE: ["deleteUser"],
  WEBHOOK_MANAGE: ["webhooks", "createWebhook", "updateWebhook", "deleteWebhook", "rotateWebhookSecret", "replayWebhookDelivery"],
  AUDIT_READ: ["auditEvents", "auditVerification"],
  API_KEY_MANAGE: ["apiKeys", "createApiKey", "revokeApiKey"],
  PROJECT_READ: [],
  PROJECT_MANAGE: ["updateProject", "rotateKeys", "keyRotation"],
};
/** With PROJECT_MANAGE, and a key of the first project. */
const OPERATORS = ["projects", "createProject", "deleteProject"];
/** Anybody whose token is known: what they see is another matter. */
const OPEN_TO_ALL = ["viewer", "node", "nodes"];
/** A user session never, whatever it may do with its own things otherwise. */
const KEYS_ONLY = ["confirmConnection", "importCredential"];

const READS = ["AUTH_CONFIG_READ", "CREDENTIAL_READ", "CONNECTOR_READ", "USER_READ", "PROJECT_READ"];
const WRITES = [
  ...["AUTH_CONFIG_CREATE", "AUTH_CONFIG_UPDATE", "CONNECTOR_WRITE", "USER_WRITE"],
  ...["CREDENTIAL_CREATE", "CREDENTIAL_USE", "CONNECTION_INITIATE"],
];
const ROLES: Record<string, string[]> = {
  ADMIN: Object.keys(OPENS),
  DEVELOPER: [...READS, ...WRITES],
  VIEWER: READS,
  END_USER: [
    ...["AUTH_CONFIG_READ", "CREDENTIAL_READ", "CONNECTOR_READ", "USER_READ"],
    ...["CREDENTIAL_CREATE", "CREDENTIAL_DELETE", "CONNECTION_INITIATE"],
  ],
};

interface Who {
  token: string;
  permissions: string[];
  session?: boolean;
  operator?: boolean;
}

let app: TestApp;
let callers: Record<string, Who>;
let key: string;
beforeAll(async () => {
  app = await startTestApp({ MOORLINE_SKIP_JOBS: "refresh-ahead,rotate-keys" });
  ({ key } = await createProject(app, ADMIN_KEY));
  const user = await createUser(app, key);
  const keyOf = async (role: "ADMIN" | "DEVELOPER" | "VIEWER", permissions: "CREDENTIAL_REVEAL"[] = []) =>
    (await createKey(app, key, { role, permissions })).key;
  callers = {
    ADMIN: { token: key, permissions: ROLES.ADMIN! },
    DEVELOPER: { token: await keyOf("DEVELOPER"), permissions: ROLES.DEVELOPER! },
    "DEVELOPER with CREDENTIAL_REVEAL": {
      token: await keyOf("DEVELOPER", ["CREDENTIAL_REVEAL"]),
      permissions: [...ROLES.DEVELOPER!, "CREDENTIAL_REVEAL"],
    },
    VIEWER: { token: await keyOf("VIEWER"), permissions: READS },
    "ADMIN of the operator": { token: ADMIN_KEY, permissions: ROLES.ADMIN!, operator: true },
    session: { token: await createSession(app, key, user.id), permissions: ROLES.END_USER!, session: true },
  };
});
afterAll(() => app?.close());

function isAllowed(field: string, { permissions, session = false, operator = false }: Omit<Who, "token">): boolean {
  if (OPEN_TO_ALL.includes(field)) return true;
  if (OPERATORS.includes(field)) return operator && permissions.includes("PROJECT_MANAGE");
  if (session && KEYS_ONLY.includes(field)) return false;
  return permissions.some((permission) => OPENS[permission]!.includes(field));
}

/** The least that the schema takes, and nothing that there is. */
function nonsense(type: GraphQLInputType): unknown {
  const bare = getNullableType(type);
  if (isListType(bare)) return [nonsense(bare.ofType)];
  // A key for more than its maker may do would be refused on another ground.
  if (isEnumType(bare)) return bare.name === "Role" ? "VIEWER" : bare.getValues()[0]!.name;
  if (isInputObjectType(bare)) {
    const fields = Object.values(bare.getFields());
    const given = bare.isOneOf ? fields.slice(0, 1) : fields.filter(isRequiredInputField);
    return Object.fromEntries(given.map((field) => [field.name, nonsense(field.type)]));
  }
  const values: Record<string, unknown> = { Int: 1, Float: 1, Boolean: true, JSON: {}, URL: "https://nobody.invalid" };
  return bare.name in values ? values[bare.name] : "nonsense";
}

function nonsenseFor(root: string): Record<string, unknown> {
  const required = fieldOf(schema, root).args.filter(isRequiredArgument);
  return Object.fromEntries(required.map((argument) => [argument.name, nonsense(argument.type)]));
}

const asked = rootFields(schema).filter((root) => !root.startsWith("Subscription."));
const nameOf = (root: string) => root.split(".")[1]!;

/** Null: it was refused; otherwise what came of the nonsense. */
async function attempt(root: string, token: string): Promise<string | null> {
  const { query, variables } = operation(schema, root, [nonsenseFor(root)]);
  const outcome = outcomeOf(await send<Record<string, unknown>, object>(app, token, query, variables), "a0");
  return outcome === "FORBIDDEN" || outcome === "ForbiddenError" ? null : outcome;
}

describe("roles", () => {
  test("every operation of the schema is opened by one permission, by none, or for the operator", () => {
    const named = [...Object.values(OPENS).flat(), ...OPERATORS, ...OPEN_TO_ALL];
    expect(named.toSorted()).toEqual(rootFields(schema).map(nameOf).toSorted());
  });

  test("have the permissions that they are said to have, and no others", async () => {
    const query = "{ viewer { role permissions } }";
    for (const [name, { token, permissions }] of Object.entries(callers)) {
      const { viewer } = await run<{ viewer: { permissions: string[] } }, object>(app, token, query);
      expect(viewer.permissions.toSorted(), name).toEqual(permissions.toSorted());
    }
  });

  test("are what the contract's table says, row by row", () => {
    const tried = ["ADMIN", "DEVELOPER", "DEVELOPER with CREDENTIAL_REVEAL", "VIEWER", "ADMIN of the operator"];
    for (const { row, fields, keys, session } of GROUPS) {
      for (const field of fields.map(nameOf)) {
        const may = tried.filter((name) => isAllowed(field, callers[name]!));
        expect(may.toSorted(), `${row}: ${field}`).toEqual(keys.toSorted());
        expect(isAllowed(field, callers.session!), `${row}: ${field} by a session`).toBe(session === "own");
      }
    }
  });

  test.each(asked)("%s refuses whoever may not before it looks at anything, and nobody else", async (root) => {
    for (const [name, who] of Object.entries(callers)) {
      const outcome = await attempt(root, who.token);
      if (!isAllowed(nameOf(root), who)) expect(outcome, name).toBeNull();
      else expect(outcome, name).not.toBeNull();
      expect(outcome, name).not.toBe("INTERNAL");
    }
  });
});

describe("a permission that is added to a key", () => {
  test.each(Object.keys(OPENS))("%s opens just what it says", async (permission) => {
    const { key: token } = await createKey(app, key, { role: "VIEWER", permissions: [permission] as never });
    const outcomes = await Promise.all(asked.map((root) => attempt(root, token)));
    const open = asked.filter((_root, index) => outcomes[index] !== null).map(nameOf);
    const permissions = [...new Set([...READS, permission])];
    expect(open).toEqual(asked.map(nameOf).filter((name) => isAllowed(name, { permissions })));
  });
});

describe("the API proxy", () => {
  test("serves keys that may use credentials, and no session", async () => {
    for (const [name, { token, permissions, session }] of Object.entries(callers)) {
      const headers = { authorization: `Bearer ${token}`, "moorline-credential": "cred_nonsense" };
      const { status } = await fetch(`${app.url}/proxy/anything`, { headers });
      expect(status === 403, `${name}: ${status}`).toBe(session === true || !permissions.includes("CREDENTIAL_USE"));
    }
  });
});
