import { Avatar } from "../ui/show.tsx";
import { connectorLogo, useBrand } from "./brand.ts";
import type { Request } from "./use-request.ts";
import { useWords } from "./words/use-words.ts";

/** The name of the product, for sentences. */
export function useProduct(): string {
  const { name } = useBrand();
  return name ?? useWords().page.thisProduct;
}

/** What is connected, in whose name, and what for. */
export function Summary({ request }: { request: Request }) {
  const { start } = useWords();
  const brand = useBrand();
  const product = useProduct();
  const { connector, user } = request;
  return (
    <>
      <div className="row connector">
        <Avatar name={connector.name} src={connectorLogo(brand, connector)} large />
        <div>
          <b>{connector.name}</b>
          <div className="soft">
            {start.forWhom} {user ? nameOf(user) : start.forEveryone(product)}
          </div>
        </div>
      </div>
      <Scopes request={request} />
    </>
  );
}

function Scopes({ request }: { request: Request }) {
  const { start } = useWords();
  const product = useProduct();
  const { requestedScopes, connector } = request;
  if (requestedScopes.length === 0) return null;
  const known = new Map(
    connector.schemes.flatMap(({ scopes }) => scopes.map((scope) => [scope.name, scope.description] as const)),
  );
  return (
    <div>
      <h2>{start.shares(product)}</h2>
      <ul className="scopes">
        {requestedScopes.map((name) => {
          const description = known.get(name);
          return (
            <li key={name}>
              {description ?? <code>{name}</code>}
              {description && <code className="soft small"> {name}</code>}
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function nameOf({ displayName, email, externalId }: NonNullable<Request["user"]>): string {
  return displayName ?? email ?? externalId;
}
