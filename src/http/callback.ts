import { receiveCallback } from "../domain/hosted/authorization.ts";
import { refusedCallback } from "../domain/hosted/page-model.ts";
import { readForm } from "./body.ts";
import { acknowledgeHead, sendOutcome, sendPage, unlessPrefetched } from "./connect-pages.ts";
import { readCookies } from "./cookies.ts";
import type { Face } from "./options.ts";
import { connectionPage } from "./pages.ts";
import { send } from "./respond.ts";
import type { Hit, Route } from "./router.ts";

/** How long the same-site redirect after a form post may take. */
const HANDLE_SECONDS = 60;

/** What a form post carried, sealed for the moment until it comes back as a GET. */
interface FormPost {
  formPostTo: string;
  parameters: string;
}

/**
 * Where providers send the browser back to. A provider that answers by `form_post` (OAuth 2.0 Form Post Response Mode) makes it a
 * cross-site POST, which comes without our Lax cookie: it is answered with a redirect to ourselves, and the GET brings the cookie.
 */
export function callbackRoutes(face: Face): Route[] {
  const { services } = face;

  async function receive({ request, response, parameters, query }: Hit): Promise<void> {
    const { key: connectorKey = "" } = parameters;
    const handle = query.get("handle");
    const carried = handle === null ? query : openFormPost(connectorKey, handle);
    if (!carried)
      return sendPage(response, connectionPage(refusedCallback("ANSWER_TOO_LATE"), request.headers["accept-language"]));
    const input = { connectorKey, parameters: carried, cookies: readCookies(request), ip: face.clientIp(request) };
    sendOutcome(face, response, await receiveCallback(services, input));
  }

  function openFormPost(connectorKey: string, handle: string): URLSearchParams | null {
    const sealed = services.vault.openHandle(handle) as FormPost | null;
    return sealed?.formPostTo === connectorKey ? new URLSearchParams(sealed.parameters) : null;
  }

  return [
    {
      path: "/oauth/callback/:key",
      HEAD: acknowledgeHead,
      GET: unlessPrefetched(receive),
      async POST({ request, response, parameters }) {
        const { key = "" } = parameters;
        const form = await readForm(request, face.limits.formBytes);
        const sealed: FormPost = { formPostTo: key, parameters: form.toString() };
        const handle = services.vault.sealHandle(sealed, HANDLE_SECONDS);
        send(response, 303, { location: `/oauth/callback/${encodeURIComponent(key)}?handle=${handle}` });
      },
    },
  ];
}
