import { runFlows } from "./load-flows.ts";
import { runRequests } from "./load-requests.ts";
import { collect, openSubscriptions } from "./load-subscriptions.ts";
import { serve } from "./process.ts";

/** The load generator, in a process of its own. */
const methods = { runRequests, runFlows, openSubscriptions, collect };
export type Load = typeof methods;

serve(methods);
