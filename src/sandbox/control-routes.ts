import type { IncomingMessage, ServerResponse } from "node:http";
import { z } from "zod";
import { type ClientInput, type ClientPatch, RevokeSchema, type SandboxControl } from "./control.ts";
import { HttpError, readJson, sendJson } from "./http.ts";

/**
 * `/control/…`: the sandbox's switches over HTTP. A page in a browser must not reach them: requests with an Origin, and
 * requests for another host name than the sandbox's own (DNS rebinding), are refused.
 */
export async function serveControl(
  control: SandboxControl,
  issuer: string,
  req: IncomingMessage,
  res: ServerResponse,
  path: string,
) {
  if (req.headers.origin !== undefined) throw new HttpError(403, "The control routes are not for web pages.");
  if (!ownHost(req.headers.host, issuer)) throw new HttpError(403, `Call the control routes at ${issuer}.`);
  try {
    await route(control, req, res, path);
  } catch (error) {
    if (error instanceof z.ZodError) throw new HttpError(400, z.prettifyError(error));
    if (error instanceof Error && error.name === "InvalidClientMetadata")
      throw new HttpError(400, (error as Error & { error_description?: string }).error_description ?? error.message);
    throw error;
  }
}

async function route(control: SandboxControl, req: IncomingMessage, res: ServerResponse, path: string): Promise<void> {
  const client = /^\/control\/clients\/([^/]+)$/.exec(path)?.[1];
  switch (`${req.method} ${client ? "/control/clients/:id" : path}`) {
    case "GET /control/clients":
      return sendJson(
        res,
        200,
        control.clients().map(({ clientSecret: _, ...rest }) => rest),
      );
    case "POST /control/clients":
      return sendJson(res, 201, await control.createClient((await readJson(req)) as ClientInput));
    case "PATCH /control/clients/:id":
      return sendJson(res, 200, await control.updateClient(decodeId(client), (await readJson(req)) as ClientPatch));
    case "POST /control/revoke": {
      const filter = RevokeSchema.parse(await readJson(req));
      if (!filter.accountId && !filter.clientId) throw new HttpError(400, "Say whose grants end: accountId, clientId or both.");
      return sendJson(res, 200, { revoked: await control.revokeGrants(filter) });
    }
    case "GET /control/log":
      return sendJson(res, 200, control.log());
    case "GET /control/revocations":
      return sendJson(res, 200, control.revocations());
    case "DELETE /control/log":
      control.clearLog();
      return sendJson(res, 200, { cleared: true });
    default:
      throw new HttpError(404, "There is no such control route.");
  }
}

function decodeId(text = ""): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(404, "There is no such client.");
  }
}

function ownHost(host: string | undefined, issuer: string): boolean {
  const { host: own, port } = new URL(issuer);
  return host === own || host === `localhost:${port}` || host === `127.0.0.1:${port}`;
}
