import type { Webhook, WebhookDelivery } from "../db/generated/client.ts";
import { createWebhook, deleteWebhook, rotateWebhookSecret, updateWebhook } from "../domain/webhook.ts";
import { replayWebhookDelivery } from "../domain/webhook-delivery.ts";
import { builder } from "./builder.ts";
import { mutation } from "./mutation.ts";
import { WebhookDeliveryType, WebhookType } from "./refs.ts";
import { EVENTS } from "./webhook.ts";

mutation("createWebhook", {
  description: "Has the project's events posted to a URL from now on. The signing secret is in this answer and nowhere else.",
  input: builder.inputType("CreateWebhookInput", {
    description: "A new webhook.",
    fields: (t) => ({
      url: t.field({
        type: "URL",
        required: true,
        description: "https, at a public address; http on this machine only, and where the operator has allowed it.",
      }),
      events: t.stringList({ description: `Which types of events; absent: all. ${EVENTS}` }),
      idempotencyKey: t.string({ description: "Repeats within a day give the same webhook, without `secret`." }),
    }),
  }),
  payload: builder.objectRef<{ webhook: Webhook; secret: string }>("CreateWebhookPayload").implement({
    description: "The new webhook.",
    fields: (t) => ({
      webhook: t.field({ type: WebhookType, description: "What is stored of it.", resolve: ({ webhook }) => webhook }),
      secret: t.exposeString("secret", {
        description: "This once: `whsec_…`, for the verification of Standard Webhooks. Empty in an idempotent repeat.",
      }),
    }),
  }),
  run: createWebhook,
});

mutation("updateWebhook", {
  description: "Changes where events are posted, and which, or switches it on or off. What is waiting goes to the new URL.",
  input: builder.inputType("UpdateWebhookInput", {
    description: "Absent: unchanged.",
    fields: (t) => ({
      id: t.id({ required: true, description: "Which webhook." }),
      url: t.field({ type: "URL", description: "As for createWebhook." }),
      events: t.stringList({ description: "Replaces the whole list; null: all." }),
      enabled: t.boolean({ description: "False switches it off; true on, and ends its pause." }),
    }),
  }),
  payload: builder.objectRef<{ webhook: Webhook }>("UpdateWebhookPayload").implement({
    description: "The webhook as it now is.",
    fields: (t) => ({ webhook: t.field({ type: WebhookType, description: "The webhook.", resolve: ({ webhook }) => webhook }) }),
  }),
  run: updateWebhook,
});

mutation("deleteWebhook", {
  description: "Ends a webhook at once, with its log of deliveries. What was still waiting is not sent.",
  input: builder.inputType("DeleteWebhookInput", {
    description: "Which webhook to delete.",
    fields: (t) => ({ id: t.id({ required: true, description: "Which webhook." }) }),
  }),
  payload: builder.objectRef<{ deletedId: string }>("DeleteWebhookPayload").implement({
    description: "What is gone.",
    fields: (t) => ({ deletedId: t.exposeID("deletedId", { description: "The id that it had." }) }),
  }),
  run: deleteWebhook,
});

mutation("rotateWebhookSecret", {
  description:
    "Gives a webhook a new signing secret. For a day from now every delivery carries two signatures, by the old one and the new one.",
  input: builder.inputType("RotateWebhookSecretInput", {
    description: "Whose secret to replace.",
    fields: (t) => ({ id: t.id({ required: true, description: "Which webhook." }) }),
  }),
  payload: builder.objectRef<{ webhook: Webhook; secret: string }>("RotateWebhookSecretPayload").implement({
    description: "The webhook with its new secret.",
    fields: (t) => ({
      webhook: t.field({ type: WebhookType, description: "The webhook.", resolve: ({ webhook }) => webhook }),
      secret: t.exposeString("secret", { description: "This once; the old one stays good for a day." }),
    }),
  }),
  run: rotateWebhookSecret,
});

mutation("replayWebhookDelivery", {
  description: `Sends an event once more, under the same \`webhook-id\`. One that is over, delivered or failed, gets a delivery of its own, with three days of its own;
one that is still waiting is tried now.`,
  input: builder.inputType("ReplayWebhookDeliveryInput", {
    description: "Which delivery to repeat.",
    fields: (t) => ({ id: t.id({ required: true, description: "`whd_…`" }) }),
  }),
  payload: builder.objectRef<{ webhookDelivery: WebhookDelivery }>("ReplayWebhookDeliveryPayload").implement({
    description: "The delivery that will be tried.",
    fields: (t) => ({
      webhookDelivery: t.field({
        type: WebhookDeliveryType,
        description: "The new one, or the one that was waiting.",
        resolve: ({ webhookDelivery }) => webhookDelivery,
      }),
    }),
  }),
  run: replayWebhookDelivery,
});
