import { openDatabase } from "../src/db/database.ts";
import { type CommitOrder, commitEvents } from "./commit-events.ts";
import { serve } from "./process.ts";

/** Another process on the same PostgreSQL that changes connection requests: its commits reach the server under test by NOTIFY alone. */
const database = await openDatabase({ url: process.env.DATABASE_URL!, dataDirectory: null });

const methods = { commitEvents: (order: CommitOrder) => commitEvents(database, order) };
export type Committer = typeof methods;

serve(methods, () => database.close());
