import { answerProviderQuestion, PROVIDER_WEBHOOK_PATH, receiveProviderWebhook } from "../domain/provider-webhook.ts";
import type { ProviderWebhookAnswer } from "../domain/provider-webhook-question.ts";
import { RequestError } from "../lib/errors.ts";
import type { SignedCall } from "../schemes/webhook-call.ts";
import { readBody } from "./body.ts";
import { limitKey } from "./client-address.ts";
import type { Face } from "./options.ts";
import { send } from "./respond.ts";
import type { Hit, Route } from "./router.ts";

/** Of one webhook; those who send more send a link instead. */
const MAX_BYTES = 256 * 1024;
/** What every address of these takes. */
const ALLOW = "POST";

/**
 * Where providers post their webhooks, one address for each auth config. Who they are, their signature says: no cookie or key counts here.
 * By GET or HEAD only a question is answered, where the connector's provider asks like that.
 */
export function providerWebhookRoutes({ services, clientIp }: Face): Route[] {
  async function receive(hit: Hit): Promise<void> {
    const call = callOf(hit, await readBody(hit.request, MAX_BYTES));
    reply(hit, await receiveProviderWebhook(services, hit.parameters.id ?? "", call, from(hit)));
  }

  async function answer(hit: Hit): Promise<void> {
    const answered = await answerProviderQuestion(services, hit.parameters.id ?? "", callOf(hit, Buffer.alloc(0)), from(hit));
    if (answered) return reply(hit, answered);
    hit.response.setHeader("allow", ALLOW);
    throw new RequestError("BAD_REQUEST", `This address takes ${ALLOW} only.`, 405);
  }

  function callOf({ request }: Hit, body: Buffer): SignedCall {
    return {
      method: request.method ?? ALLOW,
      url: `${services.publicUrl}${request.url}`,
      header: (name) => [request.headers[name] ?? []].flat()[0] ?? null,
      body,
    };
  }

  function from({ request }: Hit): string {
    return limitKey(clientIp(request));
  }

  return [
    { path: `${PROVIDER_WEBHOOK_PATH}:id`, POST: receive },
    // The dashboard has pages of other ids there.
    { path: `${PROVIDER_WEBHOOK_PATH}ac_:id`, GET: answer, HEAD: answer },
  ];
}

function reply({ response }: Hit, { contentType, text }: ProviderWebhookAnswer): void {
  send(response, 200, contentType === null ? {} : { "content-type": contentType }, text);
}
