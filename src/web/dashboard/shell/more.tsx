import { useMemo } from "react";
import { Button } from "../../ui/button.tsx";
import { useRemembered } from "./use-remembered.ts";

interface PageInfo {
  hasNextPage: boolean;
  endCursor?: string | null;
}

/** Where a list is at: the cursors of the pages that were opened, so that "previous" needs no backward query. */
export function usePages(name = "pages") {
  const [cursors, setCursors] = useRemembered<(string | null)[]>(name, [null]);
  return useMemo(
    () => ({
      after: cursors.at(-1) ?? null,
      page: cursors.length,
      next: (info: PageInfo) => setCursors((known) => [...known, info.endCursor ?? null]),
      previous: () => setCursors((known) => known.slice(0, -1)),
      /** After a filter has changed. */
      restart: () => setCursors([null]),
    }),
    [cursors, setCursors],
  );
}

export function Pager({ pages, info, total }: { pages: ReturnType<typeof usePages>; info: PageInfo; total?: number }) {
  if (pages.page === 1 && !info.hasNextPage) return total === undefined ? null : <p className="soft small">{total} in all</p>;
  return (
    <nav className="row" aria-label="Pages">
      <Button small onPress={pages.previous} isDisabled={pages.page === 1}>
        Previous
      </Button>
      <span className="small">
        Page {pages.page}
        {total !== undefined && ` · ${total} in all`}
      </span>
      <Button small onPress={() => pages.next(info)} isDisabled={!info.hasNextPage}>
        Next
      </Button>
    </nav>
  );
}
