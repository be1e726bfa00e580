import { CLIENT_DOCUMENT_PATH, readClientDocument } from "../domain/client-document.ts";
import type { Face } from "./options.ts";
import { sendJson } from "./respond.ts";
import type { Hit, Route } from "./router.ts";

/** How long a provider may keep what it read. */
const CACHE = "public, max-age=300";

/** What providers read of a client whose id is this very address. Anybody may. */
export function clientDocumentRoutes({ services }: Face): Route[] {
  async function read({ response, parameters }: Hit): Promise<void> {
    const document = await readClientDocument(services, parameters.id ?? "");
    if (document) return sendJson(response, 200, document, { "cache-control": CACHE });
    sendJson(response, 404, { error: "not_found" });
  }

  return [{ path: `${CLIENT_DOCUMENT_PATH}:id`, GET: read }];
}
