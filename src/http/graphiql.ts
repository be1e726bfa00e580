import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { SECURITY_HEADERS } from "./respond.ts";
import type { Hit } from "./router.ts";
import { KEY_HEADERS, TOUR } from "./tour.ts";

export interface GraphiQLPage {
  serve(hit: Hit): Promise<void>;
}

const TITLE = "Moorline GraphiQL";
const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b6e69"/><path d="M9 23V9l7 8 7-8v14" fill="none" stroke="#fff" stroke-width="3"/></svg>`;

/**
 * What GraphiQL is told. Subscriptions go by server-sent events over fetch, so that the Authorization header of the header editor
 * goes with them. Headers are not kept in the browser's storage: they hold an API key.
 */
const OPTIONS = {
  title: TITLE,
  subscriptionsProtocol: "GRAPHQL_SSE",
  shouldPersistHeaders: false,
  defaultEditorToolsVisibility: "headers",
  defaultHeaders: KEY_HEADERS,
  defaultTabs: TOUR,
};

/**
 * The page with everything in it: its assets come from a package, and nothing is fetched from anywhere. Nine megabytes, built
 * and compressed at its first use. `onEditQuery` is overridden, because by default it writes each edit into the address bar.
 */
export function createGraphiQL(): GraphiQLPage {
  let page: Promise<{ plain: Buffer; gzipped: Buffer; policy: string }> | null = null;

  async function build() {
    // Not before somebody opens the page: thirty megabytes of text stay in memory with it.
    const assets = await import("@graphql-yoga/render-graphiql/graphiql");
    const script = pageScript(assets);
    const plain = Buffer.from(
      `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${TITLE}</title>` +
        `<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(ICON)}"><style>${assets.css}</style></head><body id="body" class="no-focus-outline">` +
        `<noscript>GraphiQL needs JavaScript.</noscript><div id="root"></div><script>${script}</script></body></html>`,
    );
    return { plain, gzipped: await promisify(gzip)(plain, { level: 6 }), policy: contentPolicy(script) };
  }

  return {
    async serve({ request, response }) {
      page ??= build();
      const { plain, gzipped, policy } = await page;
      const compressed = /\bgzip\b/.test(request.headers["accept-encoding"] ?? "");
      const body = compressed ? gzipped : plain;
      response.writeHead(200, {
        ...SECURITY_HEADERS,
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": policy,
        "content-length": body.length,
        vary: "Accept, Accept-Encoding",
        ...(compressed && { "content-encoding": "gzip" }),
      });
      response.end(body);
    },
  };
}

type Assets = typeof import("@graphql-yoga/render-graphiql/graphiql");

function pageScript({ editorWorkerService, graphqlWorker, jsonWorker, js }: Assets): string {
  const workers = { editorWorkerService, json: jsonWorker, graphql: graphqlWorker };
  const code = `
const workers = Object.fromEntries(Object.entries(${JSON.stringify(workers)}).map(([name, code]) =>
  [name, URL.createObjectURL(new Blob([code], { type: "application/javascript" }))]));
self.MonacoEnvironment = { globalAPI: false, getWorkerUrl: (_, label) => workers[label] };
${js};
YogaGraphiQL.renderYogaGraphiQL(document.querySelector("#root"), { ...${JSON.stringify(OPTIONS)}, onEditQuery() {} });
`;
  // Inside a script element, these two would end it or begin a comment (HTML, "Restrictions for contents of script elements").
  return code.replaceAll("</script", "<\\/script").replaceAll("<!--", "\\x3C!--");
}

/** The script by its hash; the editor makes its styles at run time and its workers from blobs. */
function contentPolicy(script: string): string {
  const hash = createHash("sha256").update(script).digest("base64");
  return [
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    "style-src 'unsafe-inline'",
    "img-src data:",
    "font-src data:",
    "worker-src blob:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}
