/**
 * Checks the hash chain of every project's audit log. Exit code 1 where one is broken, with the first broken place.
 *
 *   MOORLINE_API_KEY=mlk_… npm run verify-audit     by the server at MOORLINE_URL (default: this machine); every project for an ADMIN key of the
 *                                                   first one, else the key's own
 *   npm run verify-audit                            on the database itself: DATABASE_URL, or the embedded one while no server runs
 *   … -- --heads <file>                             holds the chains against the heads that an earlier run kept in this file, and keeps the
 *                                                   present ones: only so can it be seen that the end of a chain was cut off, or all of it
 *                                                   written anew. Keep the file where whoever may write to the database may not
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { graphql } from "../generated/gql/index.ts";
import { type AuditVerification, verifyChain } from "../src/domain/audit-verify.ts";
import { decodeId, encodeId } from "../src/lib/ids.ts";
import { StartError } from "../src/lib/start-error.ts";
import { type Ask, command, openOwnDatabase, server } from "./operator.ts";

interface Position {
  sequence: number;
  hash: string;
}

interface Found {
  fault: { sequence: number; eventId: string | null; message: string } | null;
  checkedCount: number;
  position: Position;
  unsealedCount: number;
}

interface Project {
  id: string;
  name: string;
}

/** Where the chains are: on the server, or in the database itself. */
interface Source {
  projects(): Promise<Project[]>;
  verify(id: string, since: Position | null): Promise<Found>;
  close(): Promise<void>;
}

const Projects = graphql(`
  query OperatorAuditProjects($after: String) {
    projects(first: 100, after: $after) { nodes { id name } pageInfo { hasNextPage endCursor } }
  }
`);

const OwnProject = graphql(`
  query OperatorAuditOwn {
    viewer { project { id name } }
  }
`);

const Verify = graphql(`
  query OperatorAudit($projectId: ID!, $since: AuditPositionInput) {
    auditVerification(projectId: $projectId, since: $since) {
      fault { sequence eventId message }
      checkedCount
      position { sequence hash }
      complete
      unsealedCount
    }
  }
`);

command(async () => {
  const file = headsFile(process.argv.slice(2));
  const ask = server(process.env);
  const source = ask ? byServer(ask) : await onDatabase();
  try {
    return await verifyAll(source, file);
  } finally {
    await source.close();
  }
});

function headsFile(given: string[]): string | null {
  const [option, file, ...more] = given;
  if (option === undefined) return null;
  if (option !== "--heads" || !file || more.length > 0) throw new StartError("There is one option: --heads <file>.");
  return file;
}

async function verifyAll(source: Source, file: string | null): Promise<boolean> {
  const kept = file && existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Record<string, Position>) : {};
  const heads = { ...kept };
  let broken = 0;
  for (const { id, name } of await source.projects()) {
    const found = await verifyOne(source, id, kept[id] ?? null);
    const { fault, position, unsealedCount } = found;
    const waiting = unsealedCount > 0 ? `, ${unsealedCount} not sealed yet` : "";
    if (fault) {
      broken += 1;
      const event = fault.eventId ? ` (${fault.eventId})` : "";
      console.error(`${id} ${name}: BROKEN at ${fault.sequence}${event}: ${fault.message}`);
    } else {
      heads[id] = position;
      console.log(`${id} ${name}: ${position.sequence} events${waiting}; head ${position.hash}`);
    }
  }
  // A chain that is broken keeps the head that tells so.
  if (file) writeFileSync(file, `${JSON.stringify(heads, null, 2)}\n`);
  console.log(broken === 0 ? "Every chain is whole." : `Broken chains: ${broken}.`);
  return broken === 0;
}

/** All of the chain, and that it still has the head that was kept. */
async function verifyOne(source: Source, id: string, kept: Position | null): Promise<Found> {
  const whole = await source.verify(id, null);
  if (whole.fault || !kept) return whole;
  const since = await source.verify(id, kept);
  return since.fault ? since : whole;
}

function byServer(ask: Ask): Source {
  return {
    async projects() {
      const found: Project[] = [];
      for (let after: string | null | undefined; ; ) {
        const page = await ask(Projects, { after }).then(
          ({ projects }) => projects,
          () => null,
        );
        // Not the first project's key: its own project then.
        if (!page) return [(await ask(OwnProject)).viewer.project];
        found.push(...page.nodes);
        if (!page.pageInfo.hasNextPage) return found;
        after = page.pageInfo.endCursor;
      }
    },
    async verify(projectId, since) {
      let checkedCount = 0;
      for (let from = since; ; ) {
        const { auditVerification } = await ask(Verify, { projectId, since: from });
        checkedCount += auditVerification!.checkedCount;
        if (auditVerification!.complete || auditVerification!.fault) return { ...auditVerification!, checkedCount };
        from = auditVerification!.position;
      }
    },
    close: async () => {},
  };
}

async function onDatabase(): Promise<Source> {
  const { database } = await openOwnDatabase(process.env);
  const { prisma } = database;
  return {
    // Deleted ones too: what was done there is still on record.
    async projects() {
      const rows = await prisma.project.findMany({ orderBy: { createdAt: "asc" }, select: { id: true, name: true } });
      return rows.map(({ id, name }) => ({ id: encodeId("Project", id), name }));
    },
    async verify(id, since) {
      const from = since && { sequence: BigInt(since.sequence), hash: Buffer.from(since.hash, "hex") };
      return plain(await verifyChain(prisma, decodeId("Project", id)!, from));
    },
    close: () => database.close(),
  };
}

function plain({ fault, position, ...found }: AuditVerification): Found {
  return {
    ...found,
    position: { sequence: Number(position.sequence), hash: Buffer.from(position.hash).toString("hex") },
    fault: fault && {
      sequence: Number(fault.sequence),
      eventId: fault.eventId && encodeId("AuditEvent", fault.eventId),
      message: fault.message,
    },
  };
}
