import type { ReactNode } from "react";
import type { SchemeDetailsFragment } from "../../../api/gql.ts";
import { Badge, Copyable, Facts } from "../../../ui/show.tsx";
import { Time } from "../../../ui/time.tsx";
import { wordsOf } from "../../shell/statuses.tsx";
import type { ShownConfig } from "./shown-config.ts";

/** What it is, as far as it may be shown: of secrets only that they are there. */
export function ConfigFacts({ config }: { config: ShownConfig }) {
  const scheme = config.connector.schemes.find(({ key }) => key === config.schemeKey);
  return (
    <div className="split">
      <section className="card stack" aria-label="Facts">
        <h2>Facts</h2>
        <Facts
          items={[
            ["Id", <Copyable key="id" value={config.id} label="auth config id" />],
            ["Scheme", scheme?.name ?? config.schemeKey],
            ["App", appOf(config)],
            ["Client id", config.clientId && <Copyable key="client" value={config.clientId} label="client id" wrap />],
            ["Client secret", secretOf(config)],
            ["Redirect URI", config.redirectUri && <Copyable key="uri" value={config.redirectUri} label="redirect URI" wrap />],
            ["Webhook URL", config.webhookUrl && <Copyable key="webhook" value={config.webhookUrl} label="webhook URL" wrap />],
            [
              "Verify token",
              config.webhookVerifyToken && <Copyable key="verify" value={config.webhookVerifyToken} label="verify token" wrap />,
            ],
            [
              "Webhook secret",
              config.webhookUrl && config.connector.webhookSigning === "WEBHOOK_SECRET"
                ? config.hasWebhookSecret
                  ? "Stored, sealed"
                  : "None yet: the provider’s webhooks are refused"
                : null,
            ],
            ["Ways to connect", (config.flows ?? []).length > 0 ? config.flows?.map(wordsOf).join(", ") : null],
            ["Last used", config.lastUsedAt ? <Time key="used" at={config.lastUsedAt} /> : "never"],
            ["Created", <Time key="created" at={config.createdAt} />],
            ["Changed", <Time key="changed" at={config.updatedAt} />],
          ]}
        />
      </section>
      <div className="stack">
        <Scopes config={config} scheme={scheme} />
        <Settings config={config} scheme={scheme} />
      </div>
    </div>
  );
}

function appOf({ ownApp }: ShownConfig): ReactNode {
  if (ownApp === true) return "Your own";
  return ownApp === false ? "The operator’s default app" : null;
}

function secretOf({ ownApp, hasClientSecret, clientSecretExpiresAt }: ShownConfig): ReactNode {
  if (!ownApp) return null;
  if (!hasClientSecret) return "None";
  if (!clientSecretExpiresAt) return "Stored, sealed";
  return (
    <>
      Stored, sealed; runs out <Time at={clientSecretExpiresAt} />
    </>
  );
}

interface PartProps {
  config: ShownConfig;
  scheme: SchemeDetailsFragment | undefined;
}

function Scopes({ config: { scopes }, scheme }: PartProps) {
  if (!scopes || (scopes.length === 0 && (scheme?.scopes.length ?? 0) === 0)) return null;
  const known = new Map(scheme?.scopes.map((scope) => [scope.name, scope]));
  return (
    <section className="card stack" aria-label="Scopes">
      <h2>Scopes</h2>
      {scopes.length === 0 && <p className="soft">None is asked for.</p>}
      <ul className="plain-list scopes">
        {scopes.map((name) => (
          <li key={name}>
            <code>{name}</code> {known.get(name)?.sensitive && <Badge tone="warn">Sensitive</Badge>}
            <span className="soft small scope-text">{known.get(name)?.description}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Settings({ config, scheme }: PartProps) {
  const { authorizationParameters, ...values } = (config.parameters ?? {}) as Record<string, unknown>;
  const labels = new Map(
    [...(scheme?.authConfigFields ?? []), ...(scheme?.credentialFields ?? [])].map(({ name, label }) => [name, label]),
  );
  const extra = Object.entries((authorizationParameters ?? {}) as Record<string, string>);
  const items: [string, ReactNode][] = [
    ...Object.entries(values).map(([name, value]): [string, ReactNode] => [
      labels.get(name) ?? name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]),
    ...extra.map(([name, value]): [string, ReactNode] => [name, value]),
    ...(config.presetFields ?? []).map((name): [string, ReactNode] => [labels.get(name) ?? name, "Preset for everyone, sealed"]),
  ];
  if (items.length === 0) return null;
  return (
    <section className="card stack" aria-label="Settings">
      <h2>Settings</h2>
      <Facts items={items} />
    </section>
  );
}
