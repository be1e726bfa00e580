import { signals } from "../../events/signals.ts";
import { requestWithParties } from "../connection-parties.ts";
import { presentRequest } from "../connection-request.ts";
import type { Services } from "../services.ts";
import type { Outcome } from "./opening.ts";
import { pageOf } from "./page-model.ts";

/** A provider is given 20 seconds for the tokens; whose page takes longer asks again by itself. */
const WAIT_MS = 25_000;
const LOOK_AGAIN_MS = 5_000;

/**
 * Where the browser goes with what the request has come to: back to the product, or to a page of ours. While the code is being
 * exchanged for another of identical answers it waits, and then tells the outcome of that. `inWindow`: in a window that the hosted page
 * has opened, which goes nowhere else.
 */
export async function settled(services: Services, requestId: string, inWindow = false): Promise<Outcome> {
  const changes = signals(services.hub, `request:${requestId}`);
  const giveUpAt = performance.now() + WAIT_MS;
  try {
    for (;;) {
      const parties = (await requestWithParties(services, requestId))!;
      const left = giveUpAt - performance.now();
      if (presentRequest(parties.request, parties.now).status !== "EXCHANGING" || left <= 0) {
        const page = pageOf(services, parties, inWindow);
        return page.returnTo && !page.popup ? { redirectTo: page.returnTo, beside: page } : { page };
      }
      await changes.next(Math.min(left, LOOK_AGAIN_MS));
    }
  } finally {
    changes.close();
  }
}
