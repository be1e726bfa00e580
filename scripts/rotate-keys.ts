/**
 * Wraps every data key anew under the first key of MOORLINE_MASTER_KEYS, while everything runs, and waits until it is done.
 *
 *   MOORLINE_API_KEY=mlk_… npm run rotate-keys      by the server at MOORLINE_URL (default: this machine); an ADMIN key of the first project
 *   npm run rotate-keys                             on the database itself: DATABASE_URL, or the embedded one while no server runs
 *   … -- --data-keys                                replaces the data keys too, and seals every secret anew
 */
import { setTimeout as sleep } from "node:timers/promises";
import { graphql } from "../generated/gql/index.ts";
import { carryOnRotations, startRotation } from "../src/domain/key-rotation.ts";
import { developmentKeys } from "../src/lib/development-keys.ts";
import { createLogger } from "../src/lib/log.ts";
import { StartError } from "../src/lib/start-error.ts";
import { openVault } from "../src/vault/vault.ts";
import { type Ask, command, openOwnDatabase, server } from "./operator.ts";

const LOOK_EVERY_MS = 500;

const Rotate = graphql(`
  mutation OperatorRotateKeys($input: RotateKeysInput!) {
    rotateKeys(input: $input) {
      ... on RotateKeysPayload { keyRotation { toKeyId status total done message } }
      ... on UserError { message }
    }
  }
`);

const Progress = graphql(`
  query OperatorKeyRotation {
    keyRotation { toKeyId status total done message }
  }
`);

interface Rotation {
  toKeyId: string;
  status: string;
  total: number;
  done: number;
  message: string | null;
}

command(async () => {
  const unknown = process.argv.slice(2).find((argument) => argument !== "--data-keys");
  if (unknown !== undefined) throw new StartError(`There is no option ${unknown}. There is: --data-keys.`);
  const dataKeys = process.argv.includes("--data-keys");
  const ask = server(process.env);
  return ask ? byServer(ask, dataKeys) : onDatabase(dataKeys);
});

async function byServer(ask: Ask, dataKeys: boolean): Promise<boolean> {
  const { rotateKeys } = await ask(Rotate, { input: { dataKeys } });
  if (!rotateKeys || !("keyRotation" in rotateKeys))
    throw new StartError(rotateKeys?.message ?? "The server has failed: see its log.");
  return follow(rotateKeys.keyRotation, async () => (await ask(Progress)).keyRotation!);
}

async function onDatabase(dataKeys: boolean): Promise<boolean> {
  const { database, config } = await openOwnDatabase(process.env);
  try {
    const vault = await openVault(database, config.masterKeys ?? developmentKeys(config.dataDirectory));
    const services = { database, vault, log: createLogger("error") };
    const project = await database.prisma.project.findFirst({ where: { isOperator: true }, select: { id: true } });
    if (!project) throw new StartError("Nothing was ever sealed in this database. Start the server first.");
    const by = { projectId: project.id, actorType: null, actorId: null, actorLabel: "npm run rotate-keys", ip: null };
    const { id } = await startRotation(services, by, dataKeys);
    const read = async (): Promise<Rotation> => {
      const { toKekId: toKeyId, ...row } = await database.prisma.keyRotation.findUniqueOrThrow({ where: { id } });
      return { toKeyId, ...row };
    };
    const stopped = new AbortController();
    const work = carryOn(() => carryOnRotations(services, stopped.signal), stopped.signal);
    const ok = await follow(await read(), read);
    stopped.abort();
    await work;
    return ok;
  } finally {
    await database.close();
  }
}

async function carryOn(run: () => Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await run();
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

async function follow(first: Rotation, read: () => Promise<Rotation>): Promise<boolean> {
  console.log(`Wrapping data keys with the key ${first.toKeyId}: ${first.total}.`);
  let shown = -1;
  for (let rotation = first; ; rotation = await read()) {
    if (rotation.done !== shown && rotation.total > 0) console.log(`  ${rotation.done} of ${rotation.total}`);
    shown = rotation.done;
    if (rotation.status !== "RUNNING") {
      console.log(rotation.message);
      return rotation.status === "DONE";
    }
    await sleep(LOOK_EVERY_MS);
  }
}
