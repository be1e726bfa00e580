import { PROVIDER_WEBHOOK_PATH, receiveProviderWebhook } from "../domain/provider-webhook.ts";
import { readBody } from "./body.ts";
import type { Face } from "./options.ts";
import { send, sendJson } from "./respond.ts";
import type { Hit, Route } from "./router.ts";

/** Of one webhook; those who send more send a link instead. */
const MAX_BYTES = 256 * 1024;

/** Where providers post their webhooks, one address for each auth config. Who they are, their signature says: no cookie or key counts here. */
export function providerWebhookRoutes({ services }: Face): Route[] {
  async function receive({ request, response, parameters }: Hit): Promise<void> {
    const body = await readBody(request, MAX_BYTES);
    const answer = await receiveProviderWebhook(services, parameters.id ?? "", {
      method: request.method ?? "POST",
      url: `${services.publicUrl}${request.url}`,
      header: (name) => [request.headers[name] ?? []].flat()[0] ?? null,
      body,
    });
    if (answer.challenge === null) sendJson(response, 200, { received: true });
    else send(response, 200, { "content-type": "text/plain; charset=utf-8" }, answer.challenge);
  }

  return [{ path: `${PROVIDER_WEBHOOK_PATH}:id`, POST: receive }];
}
