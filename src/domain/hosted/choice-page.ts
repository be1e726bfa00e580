import { UserError } from "../../lib/errors.ts";
import { encodeId } from "../../lib/ids.ts";
import { authenticate } from "../authenticate.ts";
import { findConnectLink } from "../connect-link.ts";
import { userLabel } from "../connection-parties.ts";
import { connectorViews } from "../connector-view.ts";
import { initiateConnection } from "../initiate-connection.ts";
import type { Services } from "../services.ts";
import { exchangeLink, type IssuedSession } from "./link-session.ts";
import type { Outcome } from "./opening.ts";
import { brandOf, type Choice, type PageModel, unknownLink } from "./page-model.ts";
import { plainLinkOf } from "./request-links.ts";

interface Visit {
  token: string;
  /** The session token that this browser was given for the link before; null: none. */
  present: string | null;
  ip: string | null;
}

/** The page behind a link with a choice of connectors, for whoever has no script; null where the token is no such link's. Changes nothing. */
export async function choicePage(services: Services, token: string): Promise<PageModel | null> {
  const link = await findConnectLink(services, token);
  if (!link) return null;
  const { project, user, locale, expiresAt, revokedAt, now } = link;
  const base = { ...brandOf(project), connectorName: null, userLabel: userLabel(user), locale: locale ?? user.locale };
  if (revokedAt || user.deletedAt || expiresAt <= now) return { ...base, kind: "EXPIRED", status: 410, text: { key: "RAN_OUT" } };
  const choices = await choicesOf(services, link);
  return {
    ...base,
    kind: "CHOICE",
    status: 200,
    text: { key: "CHOICE" },
    choice: { action: `/connect/${token}/start`, choices },
    returnTo: link.returnUrl,
  };
}

/** Every way to connect that the link allows and that is switched on, by the connector's name. */
async function choicesOf(
  services: Services,
  { projectId, connectorSlugs, allConnectors }: { projectId: string; connectorSlugs: string[]; allConnectors: boolean },
): Promise<Choice[]> {
  const configs = await services.database.prisma.authConfig.findMany({
    where: { projectId, deletedAt: null, enabled: true, ...(!allConnectors && { connectorSlug: { in: connectorSlugs } }) },
    select: { id: true, name: true, connectorSlug: true },
    orderBy: { createdAt: "asc" },
    take: 200,
  });
  const slugs = [...new Set(configs.map((config) => config.connectorSlug))];
  const connectors = await connectorViews(services, projectId, slugs);
  const several = Map.groupBy(configs, (config) => config.connectorSlug);
  return configs
    .flatMap(({ id, name, connectorSlug }) => {
      const connector = connectors.get(connectorSlug);
      if (!connector) return [];
      const label = several.get(connectorSlug)!.length > 1 ? `${connector.name} (${name})` : connector.name;
      return [{ authConfigId: encodeId("AuthConfig", id), label }];
    })
    .toSorted((a, b) => a.label.localeCompare(b.label, "en"));
}

export interface Started {
  outcome: Outcome;
  /** The public id of the request that was begun; null: none was. */
  requestId: string | null;
  /** For this browser's cookie; null: it got none. */
  issued: IssuedSession | null;
}

/** The button of one choice: a request of the link's user, and on to its own page. */
export async function startChoice(services: Services, visit: Visit, authConfigId: string): Promise<Started> {
  const page = await choicePage(services, visit.token);
  if (page?.kind !== "CHOICE") return { outcome: { page: page ?? unknownLink() }, requestId: null, issued: null };
  const exchange = await exchangeLink(services, visit);
  if ("refusal" in exchange || exchange.opened.kind !== "CHOICE")
    return { outcome: { page: unknownLink() }, requestId: null, issued: null };
  const { opened, issued } = exchange;
  const caller = await authenticate(services, { authorization: `Bearer ${issued.token}`, ip: visit.ip, locale: null });
  try {
    const input = { target: { authConfigId }, returnUrl: opened.returnUrl };
    const { connectionRequest } = await initiateConnection({ services, caller }, input);
    const requestId = encodeId("ConnectionRequest", connectionRequest.id);
    return { outcome: { redirectTo: plainLinkOf(services, connectionRequest.id) }, requestId, issued };
  } catch (error) {
    // A subdomain, say, that has to be known before: only the page with a script asks for it.
    if (!(error instanceof UserError)) throw error;
    return { outcome: { page: { ...page, status: 422, text: { key: "CHOICE_GONE" } } }, requestId: null, issued };
  }
}
