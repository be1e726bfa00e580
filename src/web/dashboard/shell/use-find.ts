import { type TypedDocumentNode, useClient } from "urql";
import type { Choice } from "../../ui/choice.tsx";
import type { PickerProps } from "../../ui/picker.tsx";

interface Paged<Node> {
  nodes: readonly Node[];
  pageInfo: { hasNextPage: boolean; endCursor?: string | null };
}

interface Asked {
  search?: string | null;
  after?: string | null;
}

/** What a picker finds: the pages of a connection, asked of the server each time. `read`: where the connection stands in the answer. */
export function useFind<Data, Variables extends Asked, Node>(
  query: TypedDocumentNode<Data, Variables>,
  variables: Omit<Variables, keyof Asked>,
  read: (data: Data) => Paged<Node> | null | undefined,
  choiceOf: (node: Node) => Choice,
): PickerProps["find"] {
  const client = useClient();
  return async (search, after) => {
    const asked = { ...variables, search: search || null, after } as Variables;
    const { data, error } = await client.query(query, asked, { requestPolicy: "network-only" }).toPromise();
    const page = data && read(data);
    if (!page) throw new Error(error?.graphQLErrors[0]?.message ?? "No answer came. Try again.");
    const { hasNextPage, endCursor } = page.pageInfo;
    return { choices: page.nodes.map(choiceOf), next: hasNextPage ? (endCursor ?? null) : null };
  };
}
