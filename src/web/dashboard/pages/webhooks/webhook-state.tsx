import type { WebhookRowFragment } from "../../../api/gql.ts";
import { Badge } from "../../../ui/show.tsx";
import { Time } from "../../../ui/time.tsx";

export function WebhookState({ webhook }: { webhook: WebhookRowFragment }) {
  if (!webhook.enabled) return <Badge>Switched off</Badge>;
  if (!webhook.pausedUntil || new Date(webhook.pausedUntil) <= new Date()) return <Badge tone="good">On</Badge>;
  return (
    <Badge tone="warn">
      Does not answer; tried again <Time at={webhook.pausedUntil} />
    </Badge>
  );
}
