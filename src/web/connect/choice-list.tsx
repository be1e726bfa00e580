import { useDeferredValue, useEffect, useMemo, useState } from "react";
import { useQuery } from "urql";
import type { Problem } from "../api/use-action.ts";
import { Button } from "../ui/button.tsx";
import { Avatar, Badge, Loading, Notice } from "../ui/show.tsx";
import { TextField } from "../ui/text-field.tsx";
import { connectorLogo, useBrand } from "./brand.ts";
import type { ChoiceConfig, ChoiceConnector, ChoiceCredential } from "./choice-types.ts";
import { accountOf } from "./ended.tsx";
import { ConnectChoiceDocument } from "./gql.ts";
import { Connectivity } from "./outside.tsx";
import type { ChoiceLink } from "./session.ts";
import { Step } from "./step.tsx";
import { useProduct } from "./summary.tsx";
import { useWords } from "./words/use-words.ts";

/** As many as fit on a page at once: a search field would be one thing more to look at. */
const FEW = 8;
/** A person stops typing for about this long before they look. */
const TYPING_MS = 250;

interface Choosing {
  pending: boolean;
  onChoose(connector: ChoiceConnector, config: ChoiceConfig): void;
  onMend(credentialId: string): void;
}

export interface ConnectorListProps extends Choosing {
  link: ChoiceLink;
  problem: Problem | null;
}

/** What the link lets somebody connect, and what they have connected already. */
export function ConnectorList({ link, problem, ...choosing }: ConnectorListProps) {
  const { choice, page, link: linkWords } = useWords();
  const product = useProduct();
  const [typed, setTyped] = useState("");
  const search = useSettled(useDeferredValue(typed.trim()), TYPING_MS);
  const [all, setAll] = useState<number | null>(null);
  const [pages, setPages] = useState<{ search: string; cursors: (string | null)[] }>({ search: "", cursors: [null] });
  const cursors = pages.search === search ? pages.cursors : [null];
  const [total, setTotal] = useState<number | null>(null);

  if (all === 0)
    return (
      <Step title={choice.nothing.title}>
        <p>{choice.nothing.remedy}</p>
        <Back url={link.returnUrl} />
      </Step>
    );
  return (
    <Step title={choice.title}>
      <p>{choice.intro(product)}</p>
      <div role="alert">
        {problem && (
          <Notice tone="bad" title={choice.refused}>
            {problem.__typename === "NetworkProblem" ? page.noAnswer : linkWords.crashed.remedy}
            <p className="soft small">{problem.message}</p>
          </Notice>
        )}
      </div>
      {all !== null && all > FEW && (
        <TextField type="search" label={choice.search} value={typed} onChange={setTyped} isRequired />
      )}
      <div role="status" className={search ? "soft small" : "visually-hidden"}>
        {search && total !== null ? (total === 0 ? choice.notFound : choice.found(total)) : ""}
      </div>
      <ul className="connectors">
        {cursors.map((after) => (
          <ListPage
            key={`${search} ${after}`}
            search={search}
            after={after}
            isLast={after === cursors.at(-1)}
            choosing={choosing}
            onTotal={(count) => {
              setTotal(count);
              if (!search) setAll(count);
            }}
            onMore={(cursor) => setPages({ search, cursors: [...cursors, cursor] })}
          />
        ))}
      </ul>
      <Back url={link.returnUrl} />
    </Step>
  );
}

interface ListPageProps {
  search: string;
  after: string | null;
  isLast: boolean;
  choosing: Choosing;
  onTotal(count: number): void;
  onMore(cursor: string): void;
}

function ListPage({ search, after, isLast, choosing, onTotal, onMore }: ListPageProps) {
  const { choice, page, tag } = useWords();
  const [{ data, error }, again] = useQuery({
    query: ConnectChoiceDocument,
    variables: { search: search || null, after },
    requestPolicy: "cache-and-network",
    context: useMemo(() => ({ language: tag }), [tag]),
  });
  const total = data?.connectors?.totalCount ?? null;
  useEffect(() => {
    if (total !== null) onTotal(total);
  }, [total, onTotal]);
  const isLost = !data && Boolean(error);
  useEffect(() => {
    if (!isLost) return;
    const timer = setInterval(() => again({ requestPolicy: "network-only" }), 3_000);
    return () => clearInterval(timer);
  }, [isLost, again]);

  if (isLost)
    return (
      <li>
        <Connectivity isLost live waits={false} />
      </li>
    );
  if (!data?.connectors)
    return (
      <li>
        <Loading label={page.loading} />
      </li>
    );
  const { nodes, pageInfo } = data.connectors;
  return (
    <>
      {nodes.map((connector) => (
        <ConnectorItem key={connector.id} connector={connector} {...choosing} />
      ))}
      {isLast && pageInfo.hasNextPage && pageInfo.endCursor && (
        <li>
          <Button onPress={() => onMore(pageInfo.endCursor!)}>{choice.more}</Button>
        </li>
      )}
    </>
  );
}

function ConnectorItem({ connector, pending, onChoose, onMend }: Choosing & { connector: ChoiceConnector }) {
  const { choice } = useWords();
  const brand = useBrand();
  const { name, description } = connector;
  const configs = connector.authConfigs.nodes.filter(({ status }) => status !== "DISABLED");
  const credentials = connector.viewerCredentials.nodes.filter(({ status }) => status !== "REVOKED");
  if (configs.length === 0) return null;
  const labelOf = (config: ChoiceConfig) =>
    configs.length > 1
      ? choice.connectWith(name, config.name)
      : credentials.length > 0
        ? choice.another(name)
        : choice.connect(name);
  return (
    <li className="card connector-item">
      <div className="row connector">
        <Avatar name={name} src={connectorLogo(brand, connector)} />
        <div>
          <h2>{name}</h2>
          {description && <p className="soft small">{description}</p>}
        </div>
      </div>
      {credentials.length > 0 && (
        <ul className="accounts">
          {credentials.map((credential) => (
            <Account key={credential.id} credential={credential} pending={pending} onMend={onMend} />
          ))}
        </ul>
      )}
      <div className="row">
        {configs.map((config) => (
          <Button
            key={config.id}
            small
            variant={credentials.length > 0 ? "secondary" : "primary"}
            isDisabled={pending}
            onPress={() => onChoose(connector, config)}
          >
            {labelOf(config)}
          </Button>
        ))}
      </div>
    </li>
  );
}

const BROKEN: ReadonlySet<ChoiceCredential["status"]> = new Set(["EXPIRED", "INVALID"]);

function Account({ credential, pending, onMend }: { credential: ChoiceCredential } & Pick<Choosing, "pending" | "onMend">) {
  const { choice } = useWords();
  const { id, account, label, status } = credential;
  const isBroken = BROKEN.has(status);
  const name = [label, accountOf(account)].filter(Boolean).join(" – ") || choice.unnamed;
  return (
    <li className="row spread">
      <span>{name}</span>
      <span className="row">
        <Badge tone={isBroken ? "bad" : "good"}>{isBroken ? choice.broken : choice.connected}</Badge>
        {isBroken && (
          <Button small variant="primary" isDisabled={pending} onPress={() => onMend(id)}>
            {choice.mend(name)}
          </Button>
        )}
      </span>
    </li>
  );
}

function Back({ url }: { url: string | null }) {
  const { page } = useWords();
  const product = useProduct();
  return (
    url && (
      <a className="button" href={url}>
        {page.back(product)}
      </a>
    )
  );
}

function useSettled(value: string, ms: number): string {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return settled;
}
