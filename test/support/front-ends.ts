import { createClient } from "graphql-ws";
import { graphql } from "../../generated/gql/index.ts";
import { startTestApp, type TestApp } from "./app.ts";
import { payload, run } from "./graphql.ts";
import { connect, createConfig, createSession, createUser, goThrough, initiate } from "./seed.ts";

const Rename = graphql(`
  mutation FrontEndsRename($id: ID!, $label: String) {
    updateCredential(input: { id: $id, label: $label }) { __typename ... on UserError { message } }
  }
`);

export interface FrontEnd {
  app: TestApp;
  session: string;
  headers: Record<string, string>;
  /** The credentials of the session's user, newest first. */
  credentialIds: string[];
  socket: ReturnType<typeof createClient>;
  /** A request of the session's user, and a way to bring it to its end. */
  begin(): Promise<{ id: string; finish(): Promise<unknown> }>;
  /** By somebody else: the back end. */
  rename(id: string, label: string): Promise<void>;
  close(): Promise<void>;
}

/** A user with three accounts, and what a browser of hers has. */
export async function startFrontEnd(): Promise<FrontEnd> {
  const app = await startTestApp();
  const userId = (await createUser(app, app.adminKey)).id;
  const authConfigId = (await createConfig(app, app.adminKey)).id;
  const credentialIds: string[] = [];
  for (const account of ["ada", "grace", "alan"]) {
    const { credential } = await connect(app, app.adminKey, { authConfigId, userId, choice: { account } });
    credentialIds.unshift(credential!.id);
  }
  const session = await createSession(app, app.adminKey, userId);
  const authorization = `Bearer ${session}`;
  const socket = createClient({ url: `${app.url.replace("http", "ws")}/graphql`, connectionParams: { authorization } });
  return {
    app,
    session,
    headers: { authorization },
    credentialIds,
    socket,
    async begin() {
      const target = { authConfigId };
      const request = await initiate(app, session, { target, ifAccountExists: "CREATE", returnUrl: "http://app.test/connected" });
      return { id: request.id, finish: () => goThrough(request.authorizationUrl!, { account: "grace" }) };
    },
    async rename(id, label) {
      payload((await run(app, app.adminKey, Rename, { id, label })).updateCredential, "UpdateCredentialPayload");
    },
    async close() {
      await socket.dispose();
      await app.close();
    },
  };
}
