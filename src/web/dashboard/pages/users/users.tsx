import { useMemo, useState } from "react";
import { Link } from "react-router";
import { useQuery } from "urql";
import { UsersListDocument } from "../../../api/gql.ts";
import { Button } from "../../../ui/button.tsx";
import { EmptyState } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { Time } from "../../../ui/time.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { useSearchText } from "../../shell/use-search-text.ts";
import { useMay } from "../../shell/viewer.ts";
import { UserDialog } from "./user-dialog.tsx";

export default function Users() {
  const may = useMay();
  const pages = usePages();
  const [text, search, setText] = useSearchText(pages.restart);
  const context = useMemo(() => ({ additionalTypenames: ["User"] }), []);
  const [result] = useQuery({ query: UsersListDocument, variables: { search, after: pages.after }, context });
  const [adding, setAdding] = useState(false);
  const add = may("USER_WRITE") && (
    <Button variant="primary" onPress={() => setAdding(true)}>
      Add a user
    </Button>
  );
  return (
    <Page
      title="Users"
      lead="The end users of your product, by your own ids. Your back end adds them as they come; here you can, too."
      actions={add}
    >
      <search className="filters">
        <TextField label="Search" value={text} onChange={setText} filter placeholder="Id, name or e-mail" />
      </search>
      <Loads result={result} what="the users">
        {({ users }) =>
          !users || users.nodes.length === 0 ? (
            <EmptyState title={search ? "Nobody fits" : "No user yet"}>
              {!search && (
                <p className="soft">Add one with the id that your product knows them by, then send them a connect link.</p>
              )}
            </EmptyState>
          ) : (
            <>
              <Table
                label="Users"
                rows={users.nodes}
                rowKey={(user) => user.id}
                columns={[
                  {
                    title: "User",
                    cell: (user) => (
                      <>
                        <Link to={`/users/${user.id}`}>{user.displayName ?? user.externalId}</Link>
                        {user.email && <div className="soft small">{user.email}</div>}
                      </>
                    ),
                  },
                  { title: "Your id", cell: (user) => <code>{user.externalId}</code> },
                  { title: "Credentials", number: true, cell: (user) => user.credentials.totalCount },
                  { title: "Added", cell: (user) => <Time at={user.createdAt} /> },
                ]}
              />
              <Pager pages={pages} info={users.pageInfo} total={users.totalCount} />
            </>
          )
        }
      </Loads>
      {adding && <UserDialog user={null} onClose={() => setAdding(false)} />}
    </Page>
  );
}
