import { randomBytes } from "node:crypto";
import type { Adapter, AdapterPayload } from "oidc-provider";
import type { Logger } from "../lib/log.ts";
import { createSigningKeys, type Keys } from "./keys.ts";
import { createRecords, type Records } from "./records.ts";
import { type Note, readStateFile, type SavedState, stateWriter } from "./state-file.ts";
import type { Switches } from "./switches.ts";

/** Everything the sandbox remembers beside oidc-provider's records. */
interface Memory {
  keys: Keys;
  clientSwitches: Map<string, Switches>;
  grantSwitches: Map<string, Switches>;
  disabledClients: Set<string>;
  /** By account id. */
  notes: Map<string, Note[]>;
}

/** Everything the sandbox remembers. Without a state file it lasts as long as the process. */
export interface Store extends Memory {
  /** By the id of a half-way authorization, for those that end without a grant. */
  interactionSwitches: Map<string, Switches>;
  /** oidc-provider's storage interface for one of its models. */
  adapter(model: string): Adapter;
  /** Undefined where there is none, it has run out, or it is a disabled client. */
  find(model: string, id: string): AdapterPayload | undefined;
  all(model: string): AdapterPayload[];
  /** Ends a grant and every token under it. */
  revokeGrant(grantId: string): void;
  /** To be called after a change to anything but an adapter. */
  changed(): void;
  close(): Promise<void>;
}

/** Models that a restart forgets: a browser's visit, half-way authorizations. */
const SHORT_LIVED = new Set(["Session", "Interaction", "ReplayDetection", "PushedAuthorizationRequest"]);

const SWEEP_EVERY_WRITES = 1000;

const DEFAULT_GRACE_SECONDS = 30;

/** Throws where the state file exists and cannot be used. */
export async function createStore(options: { stateFile?: string; log?: Logger }): Promise<Store> {
  const saved = options.stateFile ? await readStateFile(options.stateFile) : undefined;
  const memory = await recall(saved);
  const records = createRecords();
  for (const [model, entries] of Object.entries(saved?.models ?? {}))
    for (const [id, entry] of Object.entries(entries)) records.put(model, id, entry);
  const writer = options.stateFile ? stateWriter(options.stateFile, () => snapshot(memory, records), options.log) : undefined;
  const changed = () => writer?.schedule();

  const find: Store["find"] = (model, id) => {
    const entry = records.get(model, id);
    if (!entry || (entry.expiresAt !== null && entry.expiresAt <= Date.now())) return undefined;
    if (model === "Client" && memory.disabledClients.has(id)) return undefined;
    return model === "RefreshToken" ? forgiveWithinGrace(entry.payload) : entry.payload;
  };

  return {
    ...memory,
    interactionSwitches: new Map(),
    adapter: (model) => createAdapter(model, { records, memory, find, changed }),
    find,
    all: (model) => records.ids(model).flatMap((id) => [find(model, id)].filter((payload) => payload !== undefined)),
    revokeGrant(grantId) {
      for (const { model, id } of records.members(grantId)) records.remove(model, id);
      records.remove("Grant", grantId);
      memory.grantSwitches.delete(grantId);
      changed();
    },
    changed,
    close: async () => writer?.flush(),
  };
}

async function recall(saved: SavedState | undefined): Promise<Memory> {
  return {
    keys: saved?.keys ?? { jwks: await createSigningKeys(), cookieKeys: [randomBytes(32).toString("base64url")] },
    clientSwitches: new Map(Object.entries(saved?.clientSwitches ?? {})),
    grantSwitches: new Map(Object.entries(saved?.grantSwitches ?? {})),
    disabledClients: new Set(saved?.disabledClients ?? []),
    notes: new Map(Object.entries(saved?.notes ?? {})),
  };
}

function snapshot(memory: Memory, records: Records): SavedState {
  records.sweep();
  const kept = records.models().filter(([model]) => !SHORT_LIVED.has(model));
  return {
    version: 1,
    keys: memory.keys,
    clientSwitches: Object.fromEntries(memory.clientSwitches),
    grantSwitches: Object.fromEntries(memory.grantSwitches),
    disabledClients: [...memory.disabledClients],
    notes: Object.fromEntries(memory.notes),
    models: Object.fromEntries(kept.map(([model, entries]) => [model, Object.fromEntries(entries)])),
  };
}

interface AdapterParts {
  records: Records;
  memory: Memory;
  find: Store["find"];
  changed: () => void;
}

function createAdapter(model: string, { records, memory, find, changed }: AdapterParts): Adapter {
  let writes = 0;
  return {
    async upsert(id, payload, expiresIn) {
      records.put(model, id, { payload, expiresAt: expiresIn ? Date.now() + expiresIn * 1000 : null });
      writes += 1;
      if (writes % SWEEP_EVERY_WRITES === 0) records.sweep();
      changed();
    },
    find: async (id) => find(model, id),
    findByUid: async (uid) => find(model, records.idByUid(uid)),
    findByUserCode: async (userCode) => find(model, records.idByUserCode(userCode)),
    async consume(id) {
      const entry = records.get(model, id);
      if (!entry) return;
      entry.payload = { ...entry.payload, consumed: Math.floor(Date.now() / 1000) };
      const { rotation, graceSeconds } = switchesFor(memory, entry.payload.clientId, entry.payload.grantId);
      if (model === "RefreshToken" && rotation === "grace")
        entry.payload.graceUntil ??= Date.now() + (graceSeconds ?? DEFAULT_GRACE_SECONDS) * 1000;
      changed();
    },
    async destroy(id) {
      records.remove(model, id);
      if (model === "Grant") memory.grantSwitches.delete(id);
      changed();
    },
    async revokeByGrantId(grantId) {
      for (const member of records.members(grantId)) if (member.model === model) records.remove(model, member.id);
      changed();
    },
  };
}

/** A replaced refresh token within its grace period looks unused, so that oidc-provider accepts it again. */
function forgiveWithinGrace(payload: AdapterPayload): AdapterPayload {
  const { graceUntil, consumed, ...rest } = payload;
  if (typeof graceUntil !== "number" || graceUntil <= Date.now()) return payload;
  return rest;
}

/** The switches that hold for a client's request, and for one of its authorizations where that is known. */
export function switchesFor(
  store: Pick<Store, "clientSwitches" | "grantSwitches">,
  clientId?: string,
  grantId?: string,
): Switches {
  return { ...store.clientSwitches.get(clientId ?? ""), ...store.grantSwitches.get(grantId ?? "") };
}
