import { webhookWhere } from "../domain/webhook.ts";
import { DELIVERY_ORDER, deliveryWhere, type WebhookDeliveryStatus } from "../domain/webhook-delivery.ts";
import { WEBHOOK_EVENTS } from "../domain/webhook-events.ts";
import { encodeEventId, encodeId } from "../lib/ids.ts";
import { builder, enumType } from "./builder.ts";
import { childPage, pageCost, rowPage } from "./connection.ts";
import { WebhookConnection, WebhookDeliveryConnection, WebhookDeliveryType, WebhookType } from "./refs.ts";
import { childrenOf, NEWEST_FIRST } from "./rows.ts";

/** For every place where a client chooses types of events. */
export const EVENTS = `\`*\` for all, \`credential.*\`, \`connection_request.*\`, or any of:
${[...WEBHOOK_EVENTS].map(([name, text]) => `- \`${name}\`: ${text}`).join("\n")}`;

const WebhookDeliveryStatusEnum = enumType(
  "WebhookDeliveryStatus",
  "How far a delivery is. Closed: a new value would be a breaking change.",
  {
    PENDING: "It is on its way, or waits for its next attempt.",
    DELIVERED: "The receiver took it.",
    FAILED: "It was given up: replayWebhookDelivery sends it once more.",
  },
);

builder.prismaObjectFields(WebhookDeliveryType, (t) => ({
  id: t.id({ description: "`whd_…`", resolve: ({ id }) => encodeId("WebhookDelivery", id) }),
  webhook: t.relation("webhook", { description: "Where it goes." }),
  event: t.exposeString("event", { description: "Its type, as in `Webhook.events`." }),
  eventId: t.string({
    description: "`evt_…`: the header `webhook-id`. The same for every webhook, attempt and replay of one event.",
    resolve: ({ eventId }) => encodeEventId(eventId),
  }),
  payload: t.field({
    type: "JSON",
    description: "The body that is sent: `{ type, timestamp, data }`, ids and states, never secrets.",
    resolve: ({ payload }) => payload,
  }),
  attempts: t.exposeInt("attempts", { description: "How often it was sent, or tried to be; one that is on its way is counted." }),
  status: t.field({
    type: WebhookDeliveryStatusEnum,
    description: "How far it is.",
    resolve: ({ status }) => status as WebhookDeliveryStatus,
  }),
  lastResponseStatus: t.exposeInt("lastResponseStatus", {
    nullable: true,
    description: "HTTP status of the last answer; null: there was none to the last attempt, or no attempt yet.",
  }),
  lastError: t.exposeString("lastError", {
    nullable: true,
    description: "For a person: why the last attempt failed; null: it did not, or there was none yet.",
  }),
  nextAttemptAt: t.expose("nextAttemptAt", {
    type: "DateTime",
    nullable: true,
    description: "When it is tried next, or as soon as the webhook's pause is over; null: it is over.",
  }),
  deliveredAt: t.expose("deliveredAt", {
    type: "DateTime",
    nullable: true,
    description: "When the receiver took it; null: it has not.",
  }),
  createdAt: t.expose("createdAt", { type: "DateTime", description: "When the event happened, or the replay was asked for." }),
}));

const WebhookDeliveryFilterInput = builder.inputType("WebhookDeliveryFilter", {
  description: "What must hold of a delivery; absent or null: anything.",
  fields: (t) => ({
    status: t.field({ type: [WebhookDeliveryStatusEnum], description: "One of these." }),
    event: t.string({ description: "Exactly this type of event." }),
  }),
});

builder.prismaObjectFields(WebhookType, (t) => ({
  id: t.id({ description: "`whk_…`", resolve: ({ id }) => encodeId("Webhook", id) }),
  url: t.expose("url", { type: "URL", description: "Where events are posted." }),
  events: t.exposeStringList("events", {
    description: `The types of events that it hears of: ${EVENTS}
The body is \`{ type, timestamp, data }\`. \`data\` has \`projectId\`, \`credentialId\` or \`connectionRequestId\`, \`sequence\` (of the event in \`history\`, or in
\`events\`), \`kind\`, \`status\`, \`previousStatus\` (null for the first), \`user\` (\`{ id, externalId }\`, or null), \`connectorSlug\` and \`authConfigId\`;
of a credential also \`change\` (CREATED, UPDATED, DELETED) and \`cursor\`, with which credentialChanged delivers this change and all later ones;
of a request also \`credentialId\` and \`failure\` (\`{ code, retryable }\`, or null). More may be added: ignore what you do not know.
A status has changed, recovery included, where \`status\` and \`previousStatus\` differ, whatever the type.`,
  }),
  enabled: t.exposeBoolean("enabled", {
    description:
      "False: nothing is sent, and nothing new is kept for it. What waited is held, for as long as it would have been tried.",
  }),
  pausedUntil: t.expose("pausedUntil", {
    type: "DateTime",
    nullable: true,
    description: "Nothing is sent before, because its receiver asked for that or kept failing; null: it is not paused.",
  }),
  deliveries: t.connection(
    {
      type: WebhookDeliveryType,
      description: "What was and is to be sent, newest first.",
      args: { filter: t.arg({ type: WebhookDeliveryFilterInput, description: "Which deliveries; absent: all." }) },
      complexity: pageCost,
      resolve: (webhook, args, context, info) =>
        childPage(context, info, {
          parent: webhook.id,
          args,
          model: "WebhookDelivery",
          order: DELIVERY_ORDER,
          where: deliveryWhere(args.filter),
          children: childrenOf(context.services.database.prisma.webhook, "deliveries"),
        }),
    },
    WebhookDeliveryConnection,
  ),
  createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was created." }),
  updatedAt: t.expose("updatedAt", { type: "DateTime", description: "When it was last changed." }),
}));

builder.queryField("webhooks", (t) =>
  t.connection(
    {
      type: WebhookType,
      nullable: true,
      description: "The project's webhooks, newest first. For ADMIN keys.",
      complexity: pageCost,
      resolve: (_root, args, context, info) =>
        rowPage(context, info, { args, model: "Webhook", order: NEWEST_FIRST, where: webhookWhere(context) }),
    },
    WebhookConnection,
  ),
);
