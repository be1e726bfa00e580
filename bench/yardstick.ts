import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { openDatabase } from "../src/db/database.ts";
import { migrate } from "../src/db/migrate.ts";
import { ensureFirstProject } from "../src/domain/bootstrap.ts";
import { newId } from "../src/lib/ids.ts";
import { openVault } from "../src/vault/vault.ts";
import { serve } from "./process.ts";
import { seedCredentials } from "./seed.ts";

/**
 * The least that a server can do for the same rows: node:http, one prepared statement by hand, AES-256-GCM, JSON. No authentication,
 * no permissions, no GraphQL. On PostgreSQL it reads the tables of the server under test; on PGlite, rows of its own that are alike.
 */
const database = await openDatabase({ url: process.env.DATABASE_URL || null, dataDirectory: null });
const key = randomBytes(32);
const SEALED_BYTES = 600;
const ANSWERS: Record<string, (query: URLSearchParams) => Promise<unknown>> = { "/a": one, "/a20": page, "/b2": readAndInsert };

/** Makes the rows where there are none; gives UUIDs to ask for. */
async function prepare({ count }: { count: number }): Promise<{ url: string; ids: string[] }> {
  if (database.kind === "pglite") await seedOwn(count);
  await database.script(`
    CREATE TABLE yardstick AS SELECT "id", "projectId", "connectorSlug", "health", "enabled", "label", "accountId", "accountName", "accountEmail",
      "requestedScopes", "grantedScopes", "accessTokenExpiresAt", "canRefresh", "createdAt", "updatedAt", ''::bytea AS sealed FROM "Credential";
    ALTER TABLE yardstick ADD PRIMARY KEY ("id");
    CREATE TABLE yardstick_log ("id" uuid PRIMARY KEY, "credentialId" uuid NOT NULL, "at" timestamptz NOT NULL, "action" text NOT NULL);`);
  const rows = await database.query<{ id: string }>("ids", `SELECT "id" FROM yardstick`, []);
  for (const { id } of rows) await database.query("seal", "UPDATE yardstick SET sealed = $2 WHERE id = $1", [id, encrypted()]);
  await database.script("ANALYZE yardstick");
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, ids: rows.map(({ id }) => id) };
}

async function seedOwn(count: number): Promise<void> {
  await migrate(database);
  const vault = await openVault(database, [randomBytes(32)]);
  const { projectId } = await ensureFirstProject(database, { bootstrapApiKey: null, allowedReturnUrls: [], corsOrigins: [] });
  await seedCredentials({ database, vault }, { projectId, count });
}

const answer: Parameters<typeof createServer>[1] = (request: IncomingMessage, response) => {
  const { pathname, searchParams } = new URL(request.url!, "http://localhost");
  ANSWERS[pathname]!(searchParams).then(
    (value) => {
      const body = JSON.stringify(value);
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) }).end(body);
    },
    (error: unknown) => response.writeHead(500, { "content-length": 0 }).end(String(error)),
  );
};

/** (a): one row, decrypted. */
async function one(query: URLSearchParams): Promise<unknown> {
  const [row] = await database.query<{ sealed: Buffer }>("one", "SELECT * FROM yardstick WHERE id = $1", [query.get("id")]);
  const { sealed, ...data } = row!;
  return { ...data, secret: decrypted(sealed) };
}

/** (a20): the rows of (c) by one joined statement. */
async function page(): Promise<unknown> {
  const rows = await database.query(
    "page",
    `SELECT c."id", c."health", c."label", c."createdAt", c."accountName", c."accountEmail", c."connectorSlug",
            u."id" AS "userId", u."externalId", u."displayName", a."id" AS "authConfigId", a."name", a."enabled"
     FROM "Credential" c
     LEFT JOIN "User" u ON u."projectId" = c."projectId" AND u."id" = c."userId"
     JOIN "AuthConfig" a ON a."projectId" = c."projectId" AND a."id" = c."authConfigId"
     WHERE c."projectId" = (SELECT "projectId" FROM yardstick LIMIT 1) AND c."deletedAt" IS NULL
     ORDER BY c."createdAt" DESC, c."id" DESC LIMIT 21`,
    [],
  );
  return { rows };
}

/** Beside (b2): the same row, and one more written. */
async function readAndInsert(query: URLSearchParams): Promise<unknown> {
  const data = await one(query);
  const values = [newId(), query.get("id"), new Date(), "revealed"];
  await database.query("log", "INSERT INTO yardstick_log VALUES ($1, $2, $3, $4)", values);
  return data;
}

function encrypted(): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  return Buffer.concat([nonce, cipher.update(Buffer.alloc(SEALED_BYTES, "s")), cipher.final(), cipher.getAuthTag()]);
}

function decrypted(sealed: Uint8Array): string {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(0, 12)).setAuthTag(bytes.subarray(-16));
  return decipher.update(bytes.subarray(12, -16), undefined, "utf8") + decipher.final("utf8");
}

const methods = { prepare, rssMb: () => process.memoryUsage.rss() / 1024 / 1024 };
export type Yardstick = typeof methods;

serve(methods, () => database.close());
