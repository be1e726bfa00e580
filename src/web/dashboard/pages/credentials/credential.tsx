import { Link, useParams } from "react-router";
import { useQuery } from "urql";
import {
  type CredentialFullFragment,
  CredentialsChangedDocument,
  CredentialsDetailDocument,
  RequestsUpdatedDocument,
} from "../../../api/gql.ts";
import { useLive } from "../../../api/use-live.ts";
import { Badge, Copyable, Facts, Notice } from "../../../ui/show.tsx";
import { Tabs } from "../../../ui/tabs.tsx";
import { Time } from "../../../ui/time.tsx";
import { ConnectorAvatar } from "../../shell/connector-avatar.tsx";
import { Loads, NotFound, Page } from "../../shell/page.tsx";
import { Status, wordsOf } from "../../shell/statuses.tsx";
import { CredentialActions } from "./credential-actions.tsx";
import { accountName, Owner } from "./credential-table.tsx";
import { History } from "./history.tsx";
import { unaskedScopes } from "./unasked-scopes.ts";

export default function CredentialPage() {
  const { id = "" } = useParams();
  const [result, read] = useQuery({ query: CredentialsDetailDocument, variables: { id }, requestPolicy: "cache-and-network" });
  const authConfigId = result.data?.credential?.authConfig.id ?? null;
  useLive(CredentialsChangedDocument, { filter: { authConfigId } }, read);
  // A re-authorization begins and ends without a word from the credential, unless it succeeds.
  useLive(RequestsUpdatedDocument, { filter: { credentialId: id } }, read);
  return (
    <Loads result={result} what="the credential">
      {({ credential }) => (credential ? <Credential credential={credential} /> : <NotFound what="credential" />)}
    </Loads>
  );
}

function Credential({ credential }: { credential: CredentialFullFragment }) {
  return (
    <Page
      title={accountName(credential)}
      lead={credential.connector.name}
      actions={<CredentialActions credential={credential} />}
    >
      <Trouble credential={credential} />
      <Tabs
        label="About this credential"
        tabs={[
          { id: "facts", title: "Facts", content: <CredentialFacts credential={credential} /> },
          {
            id: "scopes",
            title: `Scopes${credential.scopes.missing.length + unaskedScopes(credential).length > 0 ? " (!)" : ""}`,
            content: <Scopes credential={credential} />,
          },
          { id: "history", title: "History", content: <History key={credential.version} id={credential.id} /> },
        ]}
      />
    </Page>
  );
}

/** What is wrong, and what helps. Nothing where all is well. */
function Trouble({ credential: { status, statusReason, openRequest } }: { credential: CredentialFullFragment }) {
  const again = status === "EXPIRED" || status === "INVALID";
  if (!again && !openRequest) return null;
  return (
    <>
      {again && (
        <Notice
          tone="bad"
          title={status === "EXPIRED" ? "It ran out, and cannot be refreshed." : "The provider does not accept it any more."}
        >
          {statusReason && <p>{statusReason}</p>}
          <p>The user has to authorize it again: the id stays, so nothing else has to change.</p>
        </Notice>
      )}
      {openRequest && (
        <Notice title="A re-authorization is under way.">
          <p>
            It is <Status value={openRequest.status} />. Until it succeeds, everything stays as it is.
          </p>
        </Notice>
      )}
    </>
  );
}

function CredentialFacts({ credential }: { credential: CredentialFullFragment }) {
  return (
    <Facts
      items={[
        ["Status", <Status key="status" value={credential.status} />],
        ["Id", <Copyable key="id" value={credential.id} label="credential id" />],
        ["User", <Owner key="user" credential={credential} />],
        [
          "Connector",
          <span key="connector" className="row">
            <ConnectorAvatar connector={credential.connector} /> {credential.connector.name}
          </span>,
        ],
        [
          "Auth config",
          <Link key="config" to={`/auth-configs/${credential.authConfig.id}`}>
            {credential.authConfig.name}
          </Link>,
        ],
        ["Label", credential.label],
        ["Type", wordsOf(credential.scheme)],
        ["Account", [credential.account?.name, credential.account?.email, credential.account?.id].filter(Boolean).join(" · ")],
        ["Access token ends", credential.accessTokenExpiresAt && <Time key="ends" at={credential.accessTokenExpiresAt} />],
        ["Refreshed", credential.canRefresh ? <Time key="refreshed" at={credential.lastRefreshedAt} /> : "cannot be refreshed"],
        ["Last used", <Time key="used" at={credential.lastUsedAt} />],
        ["Last tested", <Time key="tested" at={credential.lastTestedAt} />],
        ["Connected", <Time key="created" at={credential.createdAt} />],
      ]}
    />
  );
}

function Scopes({ credential }: { credential: CredentialFullFragment }) {
  const { scopes } = credential;
  const unasked = unaskedScopes(credential);
  if (scopes.requested.length + scopes.granted.length + unasked.length === 0)
    return <p className="soft">This kind of credential has no scopes.</p>;
  const all = [...new Set([...scopes.requested, ...scopes.granted])];
  return (
    <div className="stack">
      {scopes.missing.length > 0 && (
        <Notice tone="warn" title="Fewer scopes were granted than asked for.">
          <p>Calls that need the missing ones fail. Re-authorize to ask for them again.</p>
        </Notice>
      )}
      {unasked.length > 0 && (
        <Notice tone="warn" title="The auth config asks for more than this was connected with.">
          <p>Re-authorize, and the user is asked for all of it.</p>
        </Notice>
      )}
      <ul className="scopes">
        {all.map((scope) => (
          <li key={scope} className="row">
            <code>{scope}</code>
            {scopes.missing.includes(scope) ? <Badge tone="bad">Missing</Badge> : <Badge tone="good">Granted</Badge>}
            {!scopes.requested.includes(scope) && <span className="soft small">not asked for</span>}
          </li>
        ))}
        {unasked.map((scope) => (
          <li key={scope} className="row">
            <code>{scope}</code> <Badge tone="warn">Not asked for yet</Badge>
          </li>
        ))}
      </ul>
    </div>
  );
}
