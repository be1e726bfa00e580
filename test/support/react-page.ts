import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { build, type Rollup } from "vite";
import { graphql } from "../../generated/gql/index.ts";
import type { TestApp } from "./app.ts";
import { payload, run } from "./graphql.ts";
import { createSession, createUser } from "./seed.ts";

const Project = graphql(`query ReactPageProject { viewer { project { id allowedOrigins } } }`);

const Allow = graphql(`
  mutation ReactPageAllow($input: UpdateProjectInput!) {
    updateProject(input: $input) { __typename ... on UserError { message } }
  }
`);

const PAGE = (session: string, url: string) => `
import { createElement as h, StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { useConnect, useConnectionRequest } from "moorline/client/react";

const options = { url: ${JSON.stringify(url)}, session: ${JSON.stringify(session)} };

function Account() {
  const { connect, status, request, credential, error, reset } = useConnect({ ...options, connector: "sandbox" });
  const watched = useConnectionRequest(status === "connected" ? request?.id : null, options);
  const words = [status, request?.status, credential?.account?.name, watched.request && "/ " + watched.request.status, error?.message];
  return h("div", null,
    h("button", { onClick: connect }, "Connect"),
    h("button", { onClick: reset }, "Reset"),
    h("p", { role: "status" }, words.filter(Boolean).join(" ")));
}

function Page() {
  const [shown, setShown] = useState(true);
  return h("main", null, shown && h(Account), h("button", { onClick: () => setShown(false) }, "Leave"));
}

createRoot(document.getElementById("root")).render(h(StrictMode, null, h(Page)));
`;

/** A page with the React hooks of a built client, as a product's bundler would make it. */
export async function startReactPage({
  clientDirectory,
  moorlineUrl,
  app,
}: {
  clientDirectory: string;
  moorlineUrl: string;
  app: TestApp;
}) {
  let script = "";
  const server = createServer((request, response) => {
    const isScript = request.url === "/main.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(
      isScript
        ? script
        : `<!doctype html><title>React</title><div id="root"></div><script type="module" src="/main.js"></script>`,
    );
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  const { project } = (await run(app, app.adminKey, Project)).viewer!;
  const input = { id: project.id, allowedOrigins: [...(project.allowedOrigins ?? []), url] };
  payload((await run(app, app.adminKey, Allow, { input })).updateProject, "UpdateProjectPayload");
  const session = await createSession(app, app.adminKey, (await createUser(app, app.adminKey)).id);
  script = await bundle(PAGE(session, moorlineUrl), clientDirectory);
  return {
    url,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function bundle(source: string, clientDirectory: string): Promise<string> {
  const root = resolve(import.meta.dirname, "../..");
  const entry = join(root, "test/support/react-page-entry.js");
  const built = (await build({
    configFile: false,
    root,
    logLevel: "error",
    define: { "process.env.NODE_ENV": '"development"' },
    resolve: { alias: { "moorline/client/react": join(clientDirectory, "react.js") }, dedupe: ["react"] },
    plugins: [{ name: "page", resolveId: (id) => (id === entry ? id : null), load: (id) => (id === entry ? source : null) }],
    build: { write: false, minify: false, lib: { entry, formats: ["es"] } },
  })) as Rollup.RollupOutput[];
  return built[0]!.output[0].code;
}
