import { useMemo, useState } from "react";
import { Link, useNavigate } from "react-router";
import { useQuery } from "urql";
import {
  CredentialsCreateDocument,
  CredentialsTypedConfigsDocument,
  type CredentialsTypedConfigsQuery,
  CredentialsTypedFormDocument,
  type SchemeType,
} from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import type { Choice } from "../../../ui/choice.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { Picker } from "../../../ui/picker.tsx";
import { EmptyState } from "../../../ui/show.tsx";
import { toast } from "../../../ui/toast.tsx";
import { Loads } from "../../shell/page.tsx";
import { useFind } from "../../shell/use-find.ts";
import { useMay } from "../../shell/viewer.ts";
import { SetupGuide } from "./setup-guide.tsx";
import { type Typed, TypedForm } from "./typed-form.tsx";

/** What is typed here; the others are connected at the provider, by the user. */
export const TYPED: SchemeType[] = [
  "API_KEY",
  "AWS_SIGV4",
  "BASIC",
  "BEARER_TOKEN",
  "NATIVE",
  "NONE",
  "OAUTH1_TOKENS",
  "OAUTH2_CLIENT_CREDENTIALS",
  "SIGNED_JWT",
  "TWO_STEP",
];

type TypedConfigNode = NonNullable<CredentialsTypedConfigsQuery["authConfigs"]>["nodes"][number];

function choiceOf({ id, name, connector }: TypedConfigNode): Choice {
  return { value: id, label: name === connector.name ? name : `${name} (${connector.name})` };
}

interface AddCredentialProps {
  user: { id: string; name: string } | null;
  /** Chosen to begin with; absent: none. */
  config?: TypedConfigNode;
  onClose(): void;
}

/** A credential that the operator types, of this user or (null) of the project itself. */
export function AddCredentialDialog({ user, config, onClose }: AddCredentialProps) {
  const [chosen, setChosen] = useState<Choice | undefined>(config && choiceOf(config));
  const context = useMemo(() => ({ additionalTypenames: ["AuthConfig"] }), []);
  const [result] = useQuery({ query: CredentialsTypedConfigsDocument, variables: { scheme: TYPED }, context });
  const find = useFind(CredentialsTypedConfigsDocument, { scheme: TYPED }, (data) => data.authConfigs, choiceOf);
  return (
    <Dialog title={user ? `A credential for ${user.name}` : "A credential of the project"} isOpen onClose={onClose} wide>
      <Loads result={result} what="the auth configs">
        {({ authConfigs }) =>
          !authConfigs || authConfigs.nodes.length === 0 ? (
            <NothingToType />
          ) : (
            <div className="stack">
              <Picker
                label="Auth config"
                help="Those whose credentials are typed. Accounts at OAuth providers need a connect link."
                placeholder="Search by name or connector"
                find={find}
                nothing="No auth config fits. Try another word."
                chosen={chosen ? [chosen] : []}
                onChange={([config]) => setChosen(config)}
                isRequired
                autoFocus={!config}
              />
              {chosen ? (
                <New key={chosen.value} authConfigId={chosen.value} userId={user?.id ?? null} onClose={onClose} />
              ) : (
                <div className="dialog-actions">
                  <Button onPress={onClose}>Cancel</Button>
                </div>
              )}
            </div>
          )
        }
      </Loads>
    </Dialog>
  );
}

function NothingToType() {
  const may = useMay();
  return (
    <EmptyState title="No auth config to type values for">
      <p className="soft">
        API keys, passwords and databases can be entered here, once there is an auth config for the service. Accounts at OAuth
        providers are connected by the user, with a connect link.
      </p>
      {may("AUTH_CONFIG_CREATE") && (
        <Link className="button" data-variant="primary" to="/auth-configs/new">
          Create an auth config
        </Link>
      )}
    </EmptyState>
  );
}

function New({ authConfigId, userId, onClose }: { authConfigId: string; userId: string | null; onClose(): void }) {
  const navigate = useNavigate();
  const creating = useAction(CredentialsCreateDocument);
  const [result] = useQuery({ query: CredentialsTypedFormDocument, variables: { authConfigId } });
  // Somebody who sends the same form twice, after an answer was lost, gets one credential.
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const owner = userId ? { user: { id: userId } } : { projectOwned: true };

  async function save(typed: Typed) {
    const outcome = await creating.run({ input: { target: { authConfigId }, ...owner, ...typed, idempotencyKey } });
    if (!outcome.ok) return outcome.problem;
    toast("The credential is saved.");
    void navigate(`/credentials/${outcome.payload.credential.id}`);
    return null;
  }
  return (
    <Loads result={result} what="what it asks for">
      {({ authConfig }) =>
        authConfig && (
          <TypedForm
            config={authConfig}
            saved={null}
            tries={{ target: { authConfigId }, ...(userId && { user: { id: userId } }) }}
            save={save}
            pending={creating.pending}
            problem={creating.problem}
            onClose={onClose}
          >
            <SetupGuide steps={authConfig.connector.setupGuide} connector={authConfig.connector.name} />
          </TypedForm>
        )
      }
    </Loads>
  );
}
