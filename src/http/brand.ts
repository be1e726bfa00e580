import type { ServerResponse } from "node:http";
import { type BrandImage, connectorLogo, productLogo } from "../domain/hosted/brand-image.ts";
import type { Face } from "./options.ts";
import { send, sendJson } from "./respond.ts";
import type { Route } from "./router.ts";

/** The logos that our pages show, from our own host. They are on everybody's page, so nobody is asked who they are. */
export function brandRoutes({ services }: Face): Route[] {
  return [
    {
      path: "/brand/:project/logo",
      GET: async ({ response, parameters: { project = "" } }) => sendImage(response, await productLogo(services, project, false)),
    },
    {
      path: "/brand/:project/logo-dark",
      GET: async ({ response, parameters: { project = "" } }) => sendImage(response, await productLogo(services, project, true)),
    },
    {
      path: "/brand/:project/connector/:slug",
      GET: async ({ response, parameters: { project = "", slug = "" } }) =>
        sendImage(response, await connectorLogo(services, project, slug)),
    },
  ];
}

/** An SVG is a document where it is opened by itself: there it gets no script, no origin and nothing from elsewhere. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

function sendImage(response: ServerResponse, image: BrandImage | null): void {
  if (!image) {
    const message = "There is no logo here.";
    sendJson(response, 404, { errors: [{ message, extensions: { code: "NOT_FOUND" } }] });
    return;
  }
  const headers = {
    "content-type": image.type,
    "content-security-policy": POLICY,
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "public, max-age=300",
  };
  send(response, 200, headers, image.body);
}
