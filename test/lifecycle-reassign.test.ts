import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { type Answer, faults, mutate } from "./support/entities.ts";
import { accessToken, apiStatus, ask, connected, ownConnector, ownProject, sealed } from "./support/lifecycle.ts";
import { connect, createConfig, createUser, goToCallback, initiate, readRequest } from "./support/seed.ts";

let app: TestApp;
let key: string;
beforeAll(async () => {
  app = await startTestApp();
  key = app.adminKey;
});
afterAll(() => app?.close());

const outcome = ({ __typename, code }: Answer) => code ?? __typename;
const remove = (id: string, reassignTo: string, by = key) =>
  mutate(app, by, "deleteAuthConfig", { id, confirm: true, reassignTo }, "deletedId");

interface Owned {
  credential: { status: string; authConfig: { id: string }; history: { nodes: { message: string }[] } } | null;
}

async function read(id: string): Promise<NonNullable<Owned["credential"]>> {
  const document = `{ credential(id: "${id}") { status authConfig { id } history(first: 5) { nodes { message } } } }`;
  return (await ask<Owned>(app, key, document)).credential!;
}

/** A connector of user name and password, and configs of it. */
async function basic() {
  const slug = `basic-${randomUUID().slice(0, 8)}`;
  await mutate(app, key, "createConnector", { slug, name: slug, baseUrl: app.sandbox!.issuer, scheme: { basic: {} } });
  const config = (name: string, preset: object = {}) =>
    createConfig(app, key, {
      connectorSlug: slug,
      name,
      ...(Object.keys(preset).length > 0 && { presetCredentialFields: preset }),
    });
  const create = async (authConfigId: string, fields: object) => {
    const user = await createUser(app, key);
    const input = { target: { authConfigId }, user: { id: user.id }, fields };
    const answer = await mutate(app, key, "createCredential", input, "credential { id }");
    expect(outcome(answer)).toBe("CreateCredentialPayload");
    return answer.credential.id;
  };
  return { slug, config, create };
}

async function header(id: string): Promise<string> {
  const { revealed } = (await mutate(app, key, "revealCredential", { id }, "revealed { headers }")) as unknown as {
    revealed: { headers: { authorization: string } };
  };
  return Buffer.from(revealed.headers.authorization.replace("Basic ", ""), "base64").toString();
}

describe("credentials of a config that is deleted in favour of another one", () => {
  test("keep what was typed, and open as before", async () => {
    const { config, create } = await basic();
    const [from, to] = [await config("From"), await config("To")];
    const id = await create(from.id, { username: "ada", password: "s3cret" });
    expect(outcome(await remove(from.id, to.id))).toBe("DeleteAuthConfigPayload");
    expect(await header(id)).toBe("ada:s3cret");
    const { status, authConfig, history } = await read(id);
    expect([status, authConfig.id]).toEqual(["ACTIVE", to.id]);
    expect(history.nodes.map(({ message }) => message)).toContain("Moved to the auth config “To”.");
  });

  test("take what the new config presets, and are refused where it leaves something out", async () => {
    const { config, create } = await basic();
    const from = await config("From", { username: "shared" });
    const without = await config("Without");
    const other = await config("Other", { username: "another" });
    const id = await create(from.id, { password: "s3cret" });
    const refused = await remove(from.id, without.id);
    expect(faults(refused)).toBe("reassignTo NOT_ALLOWED");
    expect(refused.issues![0]!.message).toContain("User name");
    expect((await read(id)).authConfig.id).toBe(from.id);
    expect(await header(id)).toBe("shared:s3cret");
    expect(outcome(await remove(from.id, other.id))).toBe("DeleteAuthConfigPayload");
    expect(await header(id)).toBe("another:s3cret");
  });

  test("need no client, but the same connector and scheme", async () => {
    const mine = await basic();
    const yours = await basic();
    const [from, elsewhere] = [await mine.config("From"), await yours.config("To")];
    await mine.create(from.id, { username: "ada", password: "s3cret" });
    expect(faults(await remove(from.id, elsewhere.id))).toBe("reassignTo NOT_ALLOWED");
  });

  test("are moved with their grants, also those of a client that the config had left behind, which goes on refreshing them", async () => {
    const { clientId, config, input } = await ownConnector(app, key, `moves-${randomUUID().slice(0, 8)}`);
    const before = await connect(app, key, { authConfigId: config.id });
    const { control } = app.sandbox!;
    const redirectUris = control.clients().find((client) => client.clientId === clientId)!.redirectUris;
    const next = await control.createClient({ redirectUris });
    const client = { clientId: next.clientId, clientSecret: next.clientSecret };
    expect(outcome(await mutate(app, key, "updateAuthConfig", { id: config.id, ...client, confirm: true }))).toBe(
      "UpdateAuthConfigPayload",
    );
    const after = await connect(app, key, { authConfigId: config.id, choice: { account: "grace" } });
    const heir = await createConfig(app, key, { connectorSlug: input.slug, ...client });
    expect(outcome(await remove(config.id, heir.id))).toBe("DeleteAuthConfigPayload");
    control.clearLog();
    for (const { credential } of [before, after]) {
      expect(outcome(await mutate(app, key, "refreshCredential", { id: credential!.id }))).toBe("RefreshCredentialPayload");
      expect(await apiStatus(app, await accessToken(app, key, credential!.id))).toBe(200);
    }
    expect(control.log().map((entry) => entry.clientId)).toEqual([clientId, next.clientId]);
  });

  test("of two configs that are deleted in favour of each other end up in the one that is left", async () => {
    const { config, create } = await basic();
    const [one, two] = [await config("One"), await config("Two")];
    const ids = [await create(one.id, { username: "a" }), await create(two.id, { username: "b" })];
    const answers = await Promise.all([remove(one.id, two.id), remove(two.id, one.id)]);
    const outcomes = answers.map((answer) => (answer.issues ? faults(answer) : outcome(answer)));
    expect(outcomes.toSorted()).toEqual(["DeleteAuthConfigPayload", "reassignTo NOT_FOUND"]);
    const left = outcomes[0] === "DeleteAuthConfigPayload" ? two : one;
    for (const id of ids) expect((await read(id)).authConfig.id).toBe(left.id);
  });
});

test("a flow that is under way while its config is deleted ends with it, and leaves nothing behind", async () => {
  const project = await ownProject(app);
  const made = await connected(app, { key: project.key });
  const request = await initiate(app, made.session, { target: { authConfigId: made.config.id } });
  const callback = await goToCallback(app, request.authorizationUrl!, { account: "grace" });
  await Promise.all([callback.open(), mutate(app, project.key, "deleteAuthConfig", { id: made.config.id, confirm: true })]);
  expect((await readRequest(app, project.key, request.id)).status).toBe("CANCELED");
  expect(await ask(app, project.key, "{ credentials { totalCount } }")).toEqual({ credentials: { totalCount: 0 } });
  await expect.poll(() => sealed(app, project.id).then((all) => all.filter((what) => !what.startsWith("Opening")))).toEqual([]);
});
