import type { ConnectionFlow } from "../../../api/gql.ts";
import { FieldForm } from "../../../forms/field-form.tsx";
import { initialValues } from "../../../forms/values.ts";
import { Checkbox } from "../../../ui/choice.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { ClientFields, type FormPartProps } from "./client-fields.tsx";
import { presettable } from "./draft.ts";
import { below, type Problems } from "./problems.ts";
import { ScopesField } from "./scopes-field.tsx";

/** Everything that an auth config of this scheme can hold, and nothing that it cannot. */
export function ConfigForm(props: FormPartProps) {
  const { scheme, draft, onChange, problems } = props;
  const hasScopes = scheme.scopes.length > 0 || scheme.type === "OAUTH2" || scheme.type === "OAUTH2_CLIENT_CREDENTIALS";
  return (
    <>
      <fieldset className="group stack">
        <legend>Name</legend>
        <TextField
          label="Name"
          help="For you and your colleagues, and for users where they have a choice."
          value={draft.name}
          onChange={(name) => onChange({ name })}
          error={problems["name"]}
          maxLength={200}
          isRequired
        />
        <TextField
          label="Description"
          value={draft.description}
          onChange={(description) => onChange({ description })}
          error={problems["description"]}
          maxLength={2_000}
        />
      </fieldset>
      {scheme.usesClient && <ClientFields {...props} />}
      {hasScopes && (
        <ScopesField
          offered={scheme.scopes}
          chosen={draft.scopes}
          onChange={(scopes) => onChange({ scopes })}
          error={firstOf("scopes", problems)}
        />
      )}
      <Parameters {...props} />
      <Presets {...props} />
      <Webhooks {...props} />
      {scheme.flows.length > 1 && <Flows {...props} />}
    </>
  );
}

/** Of a list: what is wrong with the whole, or with the first of its members. */
function firstOf(name: string, problems: Problems): string | null {
  return problems[name] ?? Object.values(below(name, problems))[0] ?? null;
}

function Parameters({ scheme, draft, onChange, problems, connector }: FormPartProps) {
  const fields = scheme.authConfigFields;
  if (fields.length === 0 && !scheme.usesClient) return null;
  const errors = below("parameters", problems);
  const extraError = Object.entries(errors).find(([path]) => path.startsWith("authorizationParameters"))?.[1];
  return (
    <fieldset className="group stack">
      <legend>Settings for {connector.name}</legend>
      <FieldForm
        fields={fields}
        values={draft.parameters}
        onChange={(name, value) => onChange({ parameters: { ...draft.parameters, [name]: value } })}
        errors={errors}
        helpLabel="Where to find it"
      />
      {scheme.usesClient && (
        <details open={draft.extra !== "" || undefined}>
          <summary>More parameters of the authorization request</summary>
          <TextField
            label="Authorization parameters"
            help="One a line, name=value, for example prompt=select_account. They are added to the address that users are sent to."
            value={draft.extra}
            onChange={(extra) => onChange({ extra })}
            error={extraError}
            multiline
          />
        </details>
      )}
    </fieldset>
  );
}

function Presets({ scheme, draft, onChange, problems, config }: FormPartProps) {
  if (scheme.credentialFields.length === 0) return null;
  const kept = new Set(config?.presetFields ?? []);
  function toggle(name: string, on: boolean): void {
    const preset = on ? [...draft.preset, name] : draft.preset.filter((other) => other !== name);
    const { [name]: _old, ...rest } = draft.presets;
    // A stored value stays unknown, and as it is, until another one is typed.
    const fresh = on && !kept.has(name) ? initialValues(scheme.credentialFields.filter((field) => field.name === name)) : {};
    onChange({ preset, presets: { ...rest, ...fresh } });
  }
  return (
    <fieldset className="group stack">
      <legend>Values for everyone</legend>
      <p className="field-help">
        What you fill in here no user is asked for. A change reaches every credential of this auth config at once.
      </p>
      <ul className="plain-list">
        {scheme.credentialFields.map((field) => (
          <li key={field.name}>
            <Checkbox isSelected={draft.preset.includes(field.name)} onChange={(on) => toggle(field.name, on)}>
              {field.label}
            </Checkbox>
          </li>
        ))}
      </ul>
      <FieldForm
        fields={presettable(scheme, draft)}
        values={draft.presets}
        onChange={(name, value) => onChange({ presets: { ...draft.presets, [name]: value } })}
        errors={below("presetCredentialFields", problems)}
        helpLabel="Where to find it"
        kept={kept}
        keptNote="A value is stored. Leave this empty to keep it."
      />
    </fieldset>
  );
}

function Webhooks({ connector, config, draft, onChange, problems }: FormPartProps) {
  if (!connector.webhookSigning) return null;
  const isOwn = connector.webhookSigning === "WEBHOOK_SECRET";
  return (
    <fieldset className="group stack">
      <legend>Webhooks of {connector.name}</legend>
      <p className="field-help">
        {isOwn
          ? `Enter the secret of ${connector.name}’s webhooks, and they are checked and passed on to yours. `
          : `${connector.name} signs its webhooks with the client secret: there is nothing to enter. They are checked and passed on to yours. `}
        {config?.webhookUrl
          ? "The address to enter there is shown on the auth config."
          : "The address to enter there is shown once this is created."}
      </p>
      {isOwn && (
        <>
          <TextField
            label="Webhook secret"
            help={
              config?.hasWebhookSecret
                ? "One is stored, sealed. Leave this empty to keep it."
                : "Stored sealed, never shown again."
            }
            value={draft.webhookSecret}
            onChange={(webhookSecret) => onChange({ webhookSecret })}
            error={problems["webhookSecret"]}
            isDisabled={draft.dropWebhookSecret}
            secret
          />
          {config?.hasWebhookSecret && (
            <Checkbox
              isSelected={draft.dropWebhookSecret}
              onChange={(dropWebhookSecret) => onChange({ dropWebhookSecret, webhookSecret: "" })}
            >
              Take the stored webhook secret away
            </Checkbox>
          )}
        </>
      )}
    </fieldset>
  );
}

const FLOWS: Record<ConnectionFlow, { title: string; help: string }> = {
  AUTHORIZATION_CODE: {
    title: "In the browser",
    help: "The user is sent to the provider and comes back. What you want, nearly always.",
  },
  DEVICE: {
    title: "By a code on another device",
    help: "For devices without a browser. Whoever starts it can hand the code to somebody else and get that person’s account: allow it only where you need it.",
  },
  CLIENT_CREDENTIALS: {
    title: "The app itself, without a user",
    help: "Tokens for the app’s own data, with nobody’s consent. Needs an app of your own with a secret.",
  },
};

function Flows({ scheme, draft, onChange, problems }: FormPartProps) {
  function toggle(flow: ConnectionFlow, on: boolean): void {
    onChange({ flows: scheme.flows.filter((other) => (other === flow ? on : draft.flows.includes(other))) });
  }
  const error = firstOf("flows", problems);
  return (
    <fieldset className="group stack">
      <legend>Ways to connect</legend>
      {scheme.flows.map((flow) => (
        <Checkbox key={flow} isSelected={draft.flows.includes(flow)} onChange={(on) => toggle(flow, on)}>
          {FLOWS[flow].title} <span className="soft small scope-text">{FLOWS[flow].help}</span>
        </Checkbox>
      ))}
      {error && (
        <span className="field-error" role="alert">
          {error}
        </span>
      )}
    </fieldset>
  );
}
