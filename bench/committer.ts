import { openDatabase } from "../src/db/database.ts";
import { type CommitOrder, commitEvents } from "./commit-events.ts";
import { serve } from "./process.ts";
import { seedSubscribers } from "./seed.ts";

/** Another process on the same PostgreSQL, which makes and changes connection requests: the server under test hears of it by NOTIFY alone. */
const database = await openDatabase({ url: process.env.DATABASE_URL!, dataDirectory: null });

const methods = {
  seedSubscribers: (options: Parameters<typeof seedSubscribers>[1]) => seedSubscribers(database, options),
  commitEvents: (order: CommitOrder) => commitEvents(database, order),
};
export type Committer = typeof methods;

serve(methods, () => database.close());
