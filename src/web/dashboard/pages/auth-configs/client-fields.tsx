import type { AuthConfigFullFragment, ConnectorDetailsFragment, SchemeDetailsFragment } from "../../../api/gql.ts";
import { Switch } from "../../../ui/choice.tsx";
import { Copyable } from "../../../ui/show.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import type { Draft } from "./draft.ts";
import type { Problems } from "./problems.ts";

export interface FormPartProps {
  connector: ConnectorDetailsFragment;
  scheme: SchemeDetailsFragment;
  draft: Draft;
  onChange(change: Partial<Draft>): void;
  problems: Problems;
  /** The stored one; null while it is being created. */
  config: AuthConfigFullFragment | null;
}

/** Whose app users consent to: the operator's, one that registers itself, or the project's own. */
export function ClientFields({ connector, scheme, draft, onChange, problems, config }: FormPartProps) {
  const hasChoice = connector.managedAppAvailable || (scheme.selfRegistration && config === null);
  const words = wordsFor(scheme);
  // A secret belongs to its client id: another id needs another secret.
  const keepsSecret = config?.hasClientSecret === true && draft.clientId.trim() === config.clientId;
  return (
    <fieldset className="group stack">
      <legend>App at {connector.name}</legend>
      {hasChoice && (
        <Switch isSelected={draft.ownApp} onChange={(ownApp) => onChange({ ownApp })}>
          Use an app of my own
        </Switch>
      )}
      <p className="field-help">{meaningOf(draft, connector)}</p>
      {draft.ownApp && (
        <>
          {connector.redirectUri && (
            <div className="field">
              <span className="label">Redirect URI</span>
              <Copyable value={connector.redirectUri} label="redirect URI" wrap />
            </div>
          )}
          <TextField
            label={words.id}
            value={draft.clientId}
            onChange={(clientId) => onChange({ clientId })}
            error={problems["clientId"]}
            isRequired
          />
          <TextField
            label={words.secret}
            help={keepsSecret ? "One is stored, sealed. Leave this empty to keep it." : words.secretHelp}
            value={draft.clientSecret}
            onChange={(clientSecret) => onChange({ clientSecret })}
            error={problems["clientSecret"]}
            isRequired={scheme.needsClientSecret && !keepsSecret}
            multiline={scheme.type === "APP_INSTALLATION"}
            secret
          />
          <TextField
            label="The secret runs out on"
            help="Where the provider ends it on a day. From then on the auth config is EXPIRED, and shown among what needs attention."
            type="date"
            value={draft.secretExpires}
            onChange={(secretExpires) => onChange({ secretExpires })}
            error={problems["clientSecretExpiresAt"]}
          />
        </>
      )}
    </fieldset>
  );
}

function meaningOf({ ownApp }: Draft, { name, managedAppAvailable }: ConnectorDetailsFragment): string {
  if (ownApp)
    return `Users see your own app’s name when they consent. Register it at ${name} first, with this redirect URI, character for character.`;
  if (managedAppAvailable)
    return `Users consent to the app that the operator of this Moorline has registered at ${name}: they see its name, and its limits are shared with other projects. Nothing is to be registered.`;
  return `Moorline registers a client at ${name} by itself when this is created. Nothing is to be entered.`;
}

function wordsFor({ type }: SchemeDetailsFragment) {
  if (type === "OAUTH1")
    return { id: "Consumer key", secret: "Consumer secret", secretHelp: "Stored sealed, never shown again." };
  if (type === "APP_INSTALLATION")
    return { id: "App’s client id", secret: "Private key (PEM)", secretHelp: "Of the app. Stored sealed, never shown again." };
  return { id: "Client id", secret: "Client secret", secretHelp: "Stored sealed, never shown again." };
}
