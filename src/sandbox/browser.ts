/** A browser of the simplest kind for tests and the demo: follows redirects, keeps cookies, submits forms. Runs no scripts. */

import { type Form, formsOf } from "./html-forms.ts";

type Fetch = (url: string, init: RequestInit) => Promise<Response>;

interface Cookie {
  name: string;
  value: string;
  path: string;
  secure: boolean;
  /** Milliseconds since the epoch; undefined until the jar is thrown away. */
  expires?: number;
}

/**
 * Cookies of a browser (RFC 6265): kept by host name without the port, sent by path. `Secure` ones go to https and, as in
 * today's browsers, to http on loopback. `__Host-` names are kept only with Secure, Path=/ and no Domain. `Domain` makes no
 * cookie wider here.
 */
export class CookieJar {
  readonly #hosts = new Map<string, Cookie[]>();

  /** Takes what an answer from `url` sets. */
  store(url: string, headers: Headers): void {
    const { hostname, pathname, protocol } = new URL(url);
    for (const line of headers.getSetCookie()) {
      const cookie = parseCookie(line, pathname);
      if (!cookie || (cookie.secure && protocol !== "https:" && !isLoopback(hostname))) continue;
      const others = (this.#hosts.get(hostname) ?? []).filter(
        (known) => known.name !== cookie.name || known.path !== cookie.path,
      );
      const dead = cookie.expires !== undefined && cookie.expires <= Date.now();
      this.#hosts.set(hostname, dead ? others : [...others, cookie]);
    }
  }

  /** The Cookie header for a request to `url`; empty where there is none. */
  header(url: string): string {
    const { hostname, pathname, protocol } = new URL(url);
    return (this.#hosts.get(hostname) ?? [])
      .filter((cookie) => cookie.expires === undefined || cookie.expires > Date.now())
      .filter((cookie) => !cookie.secure || protocol === "https:" || isLoopback(hostname))
      .filter((cookie) => pathMatches(pathname, cookie.path))
      .sort((a, b) => b.path.length - a.path.length)
      .map((cookie) => `${cookie.name}=${cookie.value}`)
      .join("; ");
  }

  /** The value of a cookie that would be sent to `url`. */
  get(url: string, name: string): string | undefined {
    const pair = this.header(url)
      .split("; ")
      .find((text) => text.startsWith(`${name}=`));
    return pair?.slice(name.length + 1);
  }
}

function parseCookie(line: string, requestPath: string): Cookie | undefined {
  const [pair = "", ...attributes] = line.split(";").map((part) => part.trim());
  const equals = pair.indexOf("=");
  if (equals < 1) return undefined;
  const cookie: Cookie = {
    name: pair.slice(0, equals),
    value: pair.slice(equals + 1),
    path: defaultPath(requestPath),
    secure: false,
  };
  let maxAge: number | undefined;
  let hasDomain = false;
  for (const attribute of attributes) {
    const [key = "", value = ""] = attribute.split(/=(.*)/s);
    if (/^path$/i.test(key) && value.startsWith("/")) cookie.path = value;
    else if (/^secure$/i.test(key)) cookie.secure = true;
    else if (/^expires$/i.test(key)) cookie.expires = Date.parse(value);
    else if (/^max-age$/i.test(key)) maxAge = Number(value);
    else if (/^domain$/i.test(key) && value) hasDomain = true;
  }
  if (maxAge !== undefined) cookie.expires = Date.now() + maxAge * 1000;
  if (cookie.name.startsWith("__Host-") && (!cookie.secure || cookie.path !== "/" || hasDomain)) return undefined;
  if (cookie.name.startsWith("__Secure-") && !cookie.secure) return undefined;
  return cookie;
}

function defaultPath(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

function pathMatches(path: string, cookiePath: string): boolean {
  return path === cookiePath || path.startsWith(cookiePath.endsWith("/") ? cookiePath : `${cookiePath}/`);
}

function isLoopback(hostname: string): boolean {
  return (
    hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}

export interface Page {
  /** Where the browser ended, after redirects. */
  url: string;
  status: number;
  headers: Headers;
  body: string;
  forms: Form[];
  /** Set where a redirect led to a URL beginning with `stopAtPrefix`: that URL, which was not fetched. */
  redirectedTo?: string;
}

export interface BrowseOptions {
  cookieJar?: CookieJar;
  method?: string;
  body?: URLSearchParams;
  headers?: Record<string, string>;
  /** A redirect to a URL beginning so is not followed. */
  stopAtPrefix?: string;
  fetch?: Fetch;
}

const MAX_REDIRECTS = 20;

/** Opens a URL as a browser would; the page at the end of the redirects, or where they reach `stopAtPrefix`. */
export async function browse(url: string, options: BrowseOptions = {}): Promise<Page> {
  const jar = options.cookieJar ?? new CookieJar();
  const fetcher: Fetch = options.fetch ?? ((target, init) => fetch(target, init));
  let method = options.method ?? (options.body ? "POST" : "GET");
  let body = options.body;
  let at = url;
  for (let step = 0; step <= MAX_REDIRECTS; step += 1) {
    const cookie = jar.header(at);
    const headers = { accept: "text/html,*/*;q=0.8", ...options.headers, ...(cookie ? { cookie } : {}) };
    const response = await fetcher(at, { method, headers, redirect: "manual", ...(body ? { body } : {}) });
    jar.store(at, response.headers);
    const location = response.headers.get("location");
    if (!location || response.status < 300 || response.status > 399) return pageOf(at, response);
    at = new URL(location, at).href;
    if (options.stopAtPrefix && at.startsWith(options.stopAtPrefix)) return { ...(await pageOf(at, response)), redirectedTo: at };
    if (response.status < 307) {
      method = "GET";
      body = undefined;
    }
    await response.body?.cancel();
  }
  throw new Error(`More than ${MAX_REDIRECTS} redirects, the last to ${new URL(at).origin}${new URL(at).pathname}.`);
}

async function pageOf(url: string, response: Response): Promise<Page> {
  const body = await response.text();
  const html = response.headers.get("content-type")?.includes("html") ?? false;
  return { url, status: response.status, headers: response.headers, body, forms: html ? formsOf(body) : [] };
}

/**
 * Submits a form of a page. `values` replace or add fields (undefined leaves one out); `button` is the pair of the button that is
 * pressed, if it has a name. Sends the Origin that a browser would.
 */
export async function submit(
  page: Page,
  form: Form,
  values: Record<string, string | string[] | undefined> = {},
  options: BrowseOptions & { button?: [name: string, value: string] } = {},
): Promise<Page> {
  const fields = new URLSearchParams(form.fields.filter(([name]) => !(name in values)));
  for (const [name, value] of Object.entries(values)) for (const one of [value ?? []].flat()) fields.append(name, one);
  if (options.button) fields.append(...options.button);
  const target = new URL(form.action || page.url, page.url);
  if (form.method === "get") {
    target.search = fields.toString();
    return browse(target.href, options);
  }
  if (options.stopAtPrefix && target.href.startsWith(options.stopAtPrefix)) return { ...page, redirectedTo: target.href };
  const headers = { origin: new URL(page.url).origin, ...options.headers };
  return browse(target.href, { ...options, headers, method: "POST", body: fields });
}
