import type { AdapterPayload } from "oidc-provider";

export interface Entry {
  payload: AdapterPayload;
  /** Milliseconds since the epoch; null for ever. */
  expiresAt: number | null;
}

/** What oidc-provider stores, by model and id, with the three other ways in which it looks things up. */
export interface Records {
  put(model: string, id: string, entry: Entry): void;
  /** Also what has run out, until it is swept. */
  get(model: string, id: string): Entry | undefined;
  remove(model: string, id: string): void;
  ids(model: string): string[];
  idByUid(uid: string): string;
  idByUserCode(userCode: string): string;
  /** Everything that was issued under a grant. */
  members(grantId: string): { model: string; id: string }[];
  sweep(): void;
  models(): [model: string, entries: Map<string, Entry>][];
}

export function createRecords(): Records {
  const models = new Map<string, Map<string, Entry>>();
  const grants = new Map<string, Map<string, { model: string; id: string }>>();
  const uids = new Map<string, string>();
  const userCodes = new Map<string, string>();

  function put(model: string, id: string, entry: Entry): void {
    remove(model, id);
    const { grantId, uid, userCode } = entry.payload;
    if (grantId) grants.set(grantId, (grants.get(grantId) ?? new Map()).set(`${model} ${id}`, { model, id }));
    if (uid) uids.set(uid, id);
    if (userCode) userCodes.set(userCode, id);
    models.set(model, (models.get(model) ?? new Map()).set(id, entry));
  }

  function remove(model: string, id: string): void {
    const entry = models.get(model)?.get(id);
    if (!entry) return;
    models.get(model)?.delete(id);
    const { grantId, uid, userCode } = entry.payload;
    if (uid && uids.get(uid) === id) uids.delete(uid);
    if (userCode) userCodes.delete(userCode);
    const members = grantId ? grants.get(grantId) : undefined;
    members?.delete(`${model} ${id}`);
    if (grantId && members?.size === 0) grants.delete(grantId);
  }

  return {
    put,
    remove,
    get: (model, id) => models.get(model)?.get(id),
    ids: (model) => [...(models.get(model)?.keys() ?? [])],
    idByUid: (uid) => uids.get(uid) ?? "",
    idByUserCode: (userCode) => userCodes.get(userCode) ?? "",
    members: (grantId) => [...(grants.get(grantId)?.values() ?? [])],
    sweep() {
      const now = Date.now();
      for (const [model, entries] of models)
        for (const [id, { expiresAt }] of entries) if (expiresAt !== null && expiresAt <= now) remove(model, id);
    },
    models: () => [...models],
  };
}
