import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Face } from "./options.ts";
import type { BuiltFile, BuiltPages } from "./page-files.ts";
import { prefersHtml, send } from "./respond.ts";
import type { Handler, Hit, Route } from "./router.ts";

const NONCE = "__CSP_NONCE__";

const TYPES: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};
const COMPRESSIBLE = /^(text\/|application\/|image\/svg)/;
/** What is smaller gains nothing by it. */
const WORTH_COMPRESSING = 512;
/** The best that is still quick: a megabyte takes a tenth of a second, on another thread. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };

/** Reads all of it once: only what stands in this directory now can ever be asked for. Null where the pages have not been built. */
export function readPages(directory: string): BuiltPages | null {
  const document = (name: string) => readFileSync(join(directory, name), "utf8");
  if (!existsSync(join(directory, "index.html")) || !existsSync(join(directory, "connect.html"))) return null;
  const files = new Map<string, BuiltFile>();
  for (const folder of ["", "assets/"]) {
    if (!existsSync(join(directory, folder))) continue;
    for (const entry of readdirSync(join(directory, folder), { withFileTypes: true })) {
      const type = TYPES[extname(entry.name)];
      if (!entry.isFile() || !type || entry.name === "build.json") continue;
      files.set(`/${folder}${entry.name}`, builtFile(readFileSync(join(directory, folder, entry.name)), type, folder !== ""));
    }
  }
  return { documents: { index: document("index.html"), connect: document("connect.html") }, files };
}

function builtFile(plain: Buffer, type: string, immutable: boolean): BuiltFile {
  const worth = COMPRESSIBLE.test(type) && plain.length >= WORTH_COMPRESSING;
  return {
    type,
    immutable,
    plain,
    br: worth ? promisify(brotliCompress)(plain, BROTLI) : null,
    gzip: worth ? promisify(gzip)(plain, { level: 9 }) : null,
  };
}

/**
 * Sends one of the built documents under the policy that lets in what was built with it, and nothing else. False where there are no
 * built pages: nothing was sent then.
 */
export function sendBuiltPage(
  face: Face,
  response: ServerResponse,
  name: keyof BuiltPages["documents"],
  { status = 200, headers = {} }: { status?: number; headers?: OutgoingHttpHeaders } = {},
): boolean {
  if (!face.pages) return false;
  const nonce = randomBytes(16).toString("base64");
  send(
    response,
    status,
    {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": policy(nonce, face.services.publicUrl),
      // Nobody who opens the dashboard keeps a hand on its window. The hosted page has an opener that it talks to.
      ...(name === "index" && { "cross-origin-opener-policy": "same-origin" }),
      ...headers,
    },
    face.pages.documents[name].replaceAll(NONCE, nonce),
  );
  return true;
}

/** The socket's origin by name: to older browsers `'self'` means http alone. */
function policy(nonce: string, publicUrl: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self' data:",
    "font-src 'self'",
    `connect-src 'self' ${publicUrl.replace(/^http/, "ws")}`,
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
}

/** Where the dashboard has pages. It finds its way by the path, so each is the same document. */
const DASHBOARD_PATHS = [
  "sign-in",
  "connectors",
  "custom-connectors",
  "auth-configs",
  "users",
  "credentials",
  "requests",
  "api-keys",
  "webhooks",
  "audit",
  "projects",
  "settings",
];

/** The dashboard's documents and everything that the documents ask for. None where the pages have not been built. */
export function pageRoutes(face: Face, notFound: Handler): Route[] {
  const { pages } = face;
  if (!pages) return [];
  const dashboard: Handler = (hit) => {
    // A program that asks for something there has mistaken the address.
    if (prefersHtml(hit.request)) sendBuiltPage(face, hit.response, "index");
    else notFound(hit);
  };
  const sendOr404 = (file: BuiltFile | undefined, hit: Hit) => (file ? sendFile(file, hit) : notFound(hit));
  return [
    { path: "/", GET: ({ response }) => void sendBuiltPage(face, response, "index") },
    ...DASHBOARD_PATHS.flatMap((path) => [
      { path: `/${path}`, GET: dashboard },
      { path: `/${path}/*`, GET: dashboard },
    ]),
    { path: "/assets/:file", GET: (hit) => sendOr404(pages.files.get(`/assets/${hit.parameters.file}`), hit) },
    ...[...pages.files]
      .filter(([, file]) => !file.immutable)
      .map(([path, file]): Route => ({ path, GET: (hit) => sendFile(file, hit) })),
  ];
}

async function sendFile(file: BuiltFile, { request, response }: Hit): Promise<void> {
  const encoding = file.br && accepts(request, "br") ? "br" : file.gzip && accepts(request, "gzip") ? "gzip" : null;
  const body = encoding ? await file[encoding]! : file.plain;
  send(
    response,
    200,
    {
      "content-type": file.type,
      "cache-control": file.immutable ? "public, max-age=31536000, immutable" : "public, max-age=3600",
      "cross-origin-resource-policy": "same-origin",
      vary: "Accept-Encoding",
      ...(encoding && { "content-encoding": encoding }),
    },
    body,
  );
}

/** Named in Accept-Encoding (RFC 9110 section 12.5.3) without a weight of zero. */
function accepts(request: IncomingMessage, encoding: string): boolean {
  const offered = String(request.headers["accept-encoding"] ?? "").split(",");
  return offered.some((part) => {
    const [name = "", weight = ""] = part.split(";").map((text) => text.trim().toLowerCase());
    return name === encoding && !/^q=0(\.0*)?$/.test(weight);
  });
}
