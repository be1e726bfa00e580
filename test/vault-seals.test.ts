import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createPostgresDatabase } from "./support/database.ts";
import { send } from "./support/graphql.ts";
import { killPrograms, type Run, startProgram } from "./support/process.ts";
import { connect, createConfig } from "./support/seed.ts";

/** A server as users run it, and beside it somebody who can write to its database, but has no key. */
const KEY = "mlk_a_key_of_the_operators_own_choice_0001";

let server: Run;
let app: { url: string };
let sql: pg.Client;
let ada: string;
let grace: string;

beforeAll(async () => {
  const url = await createPostgresDatabase();
  server = startProgram("src/main.ts", {
    DATABASE_URL: url,
    HOST: "127.0.0.1",
    PORT: "0",
    MOORLINE_SANDBOX_PORT: "0",
    MOORLINE_DATA_DIR: `/tmp/moorline-seals-${process.pid}`,
    MOORLINE_BOOTSTRAP_API_KEY: KEY,
    MOORLINE_ALLOWED_RETURN_URLS: "http://app.test/connected",
  });
  app = { url: (await server.printed(/GraphQL API +(\S+)\/graphql/))[1]! };
  await server.printed(/^Next: /m);
  sql = new pg.Client({ connectionString: url });
  await sql.connect();
  const authConfigId = (await createConfig(app, KEY)).id;
  const first = await connect(app, KEY, { authConfigId });
  // The same user, and so the same data key: only the address of each keeps them apart.
  const second = await connect(app, KEY, { authConfigId, userId: first.userId, choice: { account: "grace" } });
  ada = first.credential!.id;
  grace = second.credential!.id;
});
afterAll(async () => {
  await sql?.end();
  killPrograms();
});

interface Blob {
  ownerId: string;
  generation: number;
  dataKeyId: string;
  blob: Buffer;
}

let blobs: Blob[];
/** Everything as it was, whatever the test before has done to it. */
beforeEach(async () => {
  blobs ??= (await sql.query(`SELECT * FROM "SealedSecret" WHERE "ownerTable" = 'Credential' ORDER BY "createdAt"`)).rows;
  for (const { ownerId, generation, dataKeyId, blob } of blobs) {
    await sql.query(
      `UPDATE "SealedSecret" SET "generation" = $2, "dataKeyId" = $3, "blob" = $4, "column" = 'tokens' WHERE "ownerId" = $1`,
      [ownerId, generation, dataKeyId, blob],
    );
  }
  expect((await reveal(ada)).data?.revealCredential).toHaveProperty("revealed.accessToken", expect.any(String));
});

interface Revealed {
  revealCredential: { revealed?: { accessToken: string } } | null;
}

function reveal(id: string, key: string = KEY) {
  const query = `mutation ($id: ID!) { revealCredential(input: { id: $id, minTtlSeconds: 0 }) {
    __typename ... on RevealCredentialPayload { revealed { accessToken headers fields } } ... on UserError { message } } }`;
  return send<Revealed, object>(app, key, query, { id });
}

/** Nothing of it is revealed, nobody is told why, and the log says what happened without a secret. */
async function expectRefused(...ids: string[]): Promise<void> {
  for (const id of ids) {
    const printed = server.stdout.length;
    const answer = await reveal(id);
    expect(answer.data?.revealCredential).toBeNull();
    expect(answer.errors).toMatchObject([{ message: "Internal error", extensions: { code: "INTERNAL" } }]);
    const { errorId } = answer.errors![0]!.extensions as unknown as { errorId: string };
    await expect.poll(() => server.stdout.slice(printed)).toContain(errorId);
    const query = `query ($id: ID!) { auditEvents(first: 1, filter: { targetId: $id }) { nodes { action outcome ip } } }`;
    const { data } = await send<{ auditEvents: { nodes: object[] } }, object>(app, KEY, query, { id });
    expect(data?.auditEvents.nodes).toEqual([{ action: "credential.revealed", outcome: "FAILED", ip: "127.0.0.1" }]);
    const logged = server.stdout.slice(printed);
    for (const { blob } of blobs) {
      expect(logged).not.toContain(blob.toString("hex"));
      expect(logged).not.toContain(blob.toString("base64"));
    }
  }
}

const set = (text: string, ...values: unknown[]) => sql.query(`UPDATE "SealedSecret" SET ${text}`, values);

describe("a sealed secret does not open", () => {
  test("in another credential's row, though the same data key sealed both", async () => {
    const [first, second] = blobs as [Blob, Blob];
    expect(first.dataKeyId).toBe(second.dataKeyId);
    await set(`"blob" = $2 WHERE "ownerId" = $1`, first.ownerId, second.blob);
    await set(`"blob" = $2 WHERE "ownerId" = $1`, second.ownerId, first.blob);
    await expectRefused(ada, grace);
  });

  test("after one byte of it has changed, whichever", async () => {
    const [first] = blobs as [Blob];
    for (const at of [0, 1, 12, 13, 28, 29, first.blob.length - 1]) {
      const changed = Buffer.from(first.blob);
      changed[at]! ^= 1;
      await set(`"blob" = $2 WHERE "ownerId" = $1`, first.ownerId, changed);
      await expectRefused(ada);
    }
  });

  test("cut short, or with something behind it", async () => {
    const [first] = blobs as [Blob];
    for (const length of [0, 1, 12, 28, 29, first.blob.length - 1]) {
      await set(`"blob" = $2 WHERE "ownerId" = $1`, first.ownerId, first.blob.subarray(0, length));
      await expectRefused(ada);
    }
    await set(`"blob" = $2 WHERE "ownerId" = $1`, first.ownerId, Buffer.concat([first.blob, Buffer.of(0)]));
    await expectRefused(ada);
  });

  test("with another data key, or with one that was put in the place of its own", async () => {
    const [first] = blobs as [Blob];
    const stranger = await connect(app, KEY);
    const other = await sql.query(`SELECT * FROM "DataKey" WHERE "id" <> $1`, [first.dataKeyId]);
    await set(`"dataKeyId" = $2 WHERE "ownerId" = $1`, first.ownerId, other.rows[0].id);
    await expectRefused(ada);
    expect((await reveal(stranger.credential!.id)).data?.revealCredential).toHaveProperty("revealed");
  });

  test("once it has been renewed: an older one that is put back stays shut, whatever generation stands beside it", async () => {
    const [first] = blobs as [Blob];
    const query = "mutation ($id: ID!) { refreshCredential(input: { id: $id }) { __typename } }";
    expect((await send(app, KEY, query, { id: ada })).data).toEqual({
      refreshCredential: { __typename: "RefreshCredentialPayload" },
    });
    const [renewed] = (await sql.query(`SELECT * FROM "SealedSecret" WHERE "ownerId" = $1`, [first.ownerId])).rows as [Blob];
    expect(renewed.generation).toBe(first.generation + 1);
    await set(`"blob" = $2 WHERE "ownerId" = $1`, first.ownerId, first.blob);
    await expectRefused(ada);
    await set(`"generation" = $2 WHERE "ownerId" = $1`, first.ownerId, first.generation);
    await expectRefused(ada);
    blobs[0] = renewed;
  });
});

test("another project cannot be given a secret by moving it there, nor with its data key", async () => {
  const create = `mutation { createProject(input: { name: "Thief" }) { ... on CreateProjectPayload { key project { id } } } }`;
  const made = await send<{ createProject: { key: string; project: { id: string } } }, object>(app, KEY, create);
  const { key, project } = made.data!.createProject;
  const allow = `mutation ($id: ID!) { updateProject(input: { id: $id, allowedReturnUrls: ["http://app.test/connected"] }) { __typename } }`;
  await send(app, key, allow, { id: project.id });
  const theirs = (await connect(app, key)).credential!.id;
  const steal = async () => {
    const answer = await reveal(theirs, key);
    expect(answer).toMatchObject({ data: { revealCredential: null }, errors: [{ extensions: { code: "INTERNAL" } }] });
  };
  expect((await reveal(theirs, key)).data?.revealCredential).toHaveProperty("revealed.accessToken");

  const [victim] = blobs as [Blob];
  const { rows } = await sql.query(
    `SELECT "projectId", "ownerId", "dataKeyId" FROM "SealedSecret" ORDER BY "createdAt" DESC LIMIT 1`,
  );
  const [{ ownerId, dataKeyId }] = rows;
  await set(`"blob" = $2 WHERE "ownerId" = $1`, ownerId, victim.blob);
  await steal();
  // A new id, because the server holds the one that it has opened.
  const moved = "00000000-0000-7000-8000-000000000001";
  const wrapped = `(SELECT "wrapped" FROM "DataKey" WHERE "id" = $3)`;
  await sql.query(`UPDATE "DataKey" SET "id" = $2, "wrapped" = ${wrapped} WHERE "id" = $1`, [dataKeyId, moved, victim.dataKeyId]);
  await set(`"dataKeyId" = $2 WHERE "ownerId" = $1`, ownerId, moved);
  await steal();
});
