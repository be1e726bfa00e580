import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { ConnectorDefinition, LoginRequest, TwoStepSchemeDefinition } from "../../src/catalogue/types.ts";
import type { Egress } from "../../src/egress/index.ts";
import type { TestApp } from "./app.ts";

/** One provider with a login of its own making. */
export interface LoginPlace {
  definition: ConnectorDefinition;
  scheme: TwoStepSchemeDefinition;
  /** What a person types. */
  typed: Record<string, unknown>;
  /** How each login, renewal and call was answered, in order. */
  seen: string[];
  /** Tokens that the API takes now. */
  live: Set<string>;
  /** The login is refused, whatever comes. */
  refusing: { status: number } | null;
  /** Refresh tokens are refused. */
  forgetful: boolean;
  /** What a refusal says. */
  says: string;
  /** A login is answered with 200 and nothing. */
  mute: boolean;
  /** Refresh tokens have a line break in them. */
  broken: boolean;
}

export interface LoginServer extends AsyncDisposable {
  /** Plays the provider of a connector with a TWO_STEP scheme, at the addresses that its data name. */
  add(definition: ConnectorDefinition, typed: Record<string, unknown>): LoginPlace;
  /** Leads every call of the app here. The app must be allowed to call 127.0.0.1. */
  lead(app: TestApp): void;
}

const fresh = () => ({
  ...{ seen: [], live: new Set<string>(), refusing: null, forgetful: false, says: "Not these.", mute: false, broken: false },
});

interface Arrived {
  method: string;
  /** As it was meant, without its query; the path decoded. */
  address: string;
  query: [string, string][];
  headers: Record<string, string>;
  body: string;
}

/** Which origin a call was meant for. */
const MEANT = "x-meant";

/** A server that is made of connectors' data: it takes a login exactly as they write it, and calls with the token where they put it. */
export async function startLoginServer(): Promise<LoginServer> {
  const places: LoginPlace[] = [];
  const server = createServer(async (request, response) => {
    const arrived = await read(request);
    const place = places.find((one) => addressesOf(one).some((address) => isBelow(arrived.address, address)));
    if (!place) return void response.writeHead(404).end();
    answer(place, arrived, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const here = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    add(definition, typed) {
      const [scheme] = definition.schemes as [TwoStepSchemeDefinition];
      const place: LoginPlace = { definition, scheme, typed, ...fresh() };
      places.push(place);
      return place;
    },
    lead(app) {
      const door = app.services.egress;
      const led: Pick<Egress, "fetch" | "exchange"> = {
        fetch(url, init) {
          const { origin, pathname, search } = new URL(url);
          const headers = new Headers(init?.headers);
          headers.set(MEANT, origin);
          return door.fetch(`${here}${pathname}${search}`, { ...init, headers });
        },
        exchange: (init) => door.exchange({ ...init, origin: here, headers: [...init.headers, MEANT, init.origin] }),
      };
      (app.services as { egress: Egress }).egress = { ...door, ...led };
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

function addressesOf({ scheme, definition, typed }: LoginPlace): string[] {
  const urls = [...scheme.login, ...(scheme.refresh ? [scheme.refresh] : [])].map(({ url }) => url);
  return [...urls, definition.api!.baseUrl].map((url) => addressOf(url, typed));
}

function addressOf(template: string, values: Record<string, unknown>): string {
  const { origin, pathname } = new URL(inUrl(template, values));
  return `${origin}${decodeURIComponent(pathname)}`;
}

function isBelow(address: string, base: string): boolean {
  return address === base || address.startsWith(base.endsWith("/") ? base : `${base}/`);
}

async function read(request: IncomingMessage): Promise<Arrived> {
  const url = new URL(request.url ?? "/", "http://here");
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  const body = await text(request);
  const address = `${headers[MEANT]}${decodeURIComponent(url.pathname)}`;
  return { method: request.method ?? "", address, query: [...url.searchParams], headers, body };
}

function answer(place: LoginPlace, arrived: Arrived, response: ServerResponse): ServerResponse {
  const { scheme, seen, typed } = place;
  const step = scheme.login.findIndex((request) => isFor(request, arrived, kept(place)));
  const last = step === scheme.login.length - 1;
  const refreshToken = [...issued(place).keys()].at(-1) ?? "";
  if (scheme.refresh && isFor(scheme.refresh, arrived, typed) && !place.forgetful) {
    const fits = differences(scheme.refresh, arrived, { ...typed, refreshToken }).length === 0;
    if (fits) return logIn(place, "renewed", response);
  }
  if (step >= 0) {
    const wrong = differences(scheme.login[step]!, arrived, kept(place));
    if (wrong.length > 0 || place.refusing) return refuse(place, wrong, response);
    if (place.mute) return json(response, 200, {});
    if (last) return logIn(place, "logged in", response);
    seen.push(`step ${step + 1}`);
    const answers = (scheme.login[step]!.keep ?? []).map(({ name, path }) => [path, keptValue(name)] as const);
    return json(response, 200, objectOf(answers));
  }
  const token = [...place.live].find((one) => isApplied(place, arrived, one));
  seen.push(token ? "call" : "call refused");
  return json(response, token ? 200 : 401, { ok: token !== undefined, token });
}

const keptValue = (name: string) => `kept ${name}`;

function kept({ scheme, typed }: LoginPlace): Record<string, unknown> {
  const names = scheme.login.flatMap(({ keep = [] }) => keep.map(({ name }) => name));
  return { ...typed, ...Object.fromEntries(names.map((name) => [name, keptValue(name)])) };
}

const refreshTokens = new WeakMap<LoginPlace, Map<string, string>>();
const issued = (place: LoginPlace) => refreshTokens.get(place) ?? new Map<string, string>();

function logIn(place: LoginPlace, how: string, response: ServerResponse): ServerResponse {
  const { scheme, seen } = place;
  const number = seen.length + 1;
  // What stands in a URL, a form or a cookie needs no care there; what takes none is told by its own test.
  const token =
    scheme.tokenHeader === "set-cookie"
      ? `SESSION=s${number}; ROUTE=.node${number}`
      : `token-${number}.of_${place.definition.slug}`;
  place.live.clear();
  place.live.add(token);
  seen.push(how);
  const members: (readonly [string, unknown])[] = [];
  if (scheme.refreshToken) {
    const refreshToken = `refresh-${number}${place.broken ? "\nX-Other: 1" : ""}`;
    refreshTokens.set(place, new Map([[refreshToken, token]]));
    members.push([scheme.refreshToken[0]!, refreshToken]);
  }
  if (scheme.expiresIn) members.push([scheme.expiresIn[0]!, 3_600]);
  if (scheme.expiresAt) members.push([scheme.expiresAt[0]!, new Date(Date.now() + 3_600_000).toISOString()]);
  for (const { path } of scheme.discovered ?? []) members.push([path, `told-${number}`]);
  if (scheme.tokenHeader === "set-cookie") {
    const cookies = token.split("; ").map((cookie) => `${cookie}; path=/; HttpOnly; Secure`);
    response.setHeader("set-cookie", cookies);
  } else if (scheme.tokenHeader) response.setHeader(scheme.tokenHeader, token);
  if (scheme.token?.[0] === "$") return response.writeHead(200, { "content-type": "text/plain" }).end(`${token}\n`);
  return json(response, 200, objectOf(scheme.token ? [[scheme.token[0]!, token], ...members] : members));
}

function refuse(place: LoginPlace, wrong: string[], response: ServerResponse): ServerResponse {
  place.seen.push(place.refusing ? "refused" : `refused: ${wrong.join(", ")}`);
  const { refusal } = place.scheme;
  if (refusal) return json(response, 200, objectOf([[refusal[0]!, place.says]]));
  return json(response, place.refusing?.status ?? 401, { message: place.says });
}

function json(response: ServerResponse, status: number, body: unknown): ServerResponse {
  return response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** An object with each value at its dotted path; a number in a path makes a list. */
function objectOf(members: readonly (readonly [string, unknown])[]): unknown {
  const root: Record<string, unknown> = {};
  for (const [path, value] of members) {
    const keys = path.split(".");
    let here: Record<string, unknown> = root;
    keys.slice(0, -1).forEach((key, index) => {
      here[key] ??= /^\d+$/.test(keys[index + 1]!) ? [] : {};
      here = here[key] as Record<string, unknown>;
    });
    here[keys.at(-1)!] = value;
  }
  return root;
}

function isFor(request: LoginRequest, { method, address }: Arrived, values: Record<string, unknown>): boolean {
  return method === (request.method ?? "POST") && address === addressOf(request.url, values);
}

/** What of a login is not as the data say, by name and without a value. */
function differences(request: LoginRequest, arrived: Arrived, values: Record<string, unknown>): string[] {
  const wrong: string[] = [];
  const { searchParams } = new URL(inUrl(request.url, values));
  if (JSON.stringify([...searchParams]) !== JSON.stringify(arrived.query)) wrong.push("query");
  for (const [name, template] of Object.entries(request.headers ?? {})) {
    const expected = filled(template, values);
    if (expected !== "" && arrived.headers[name] !== expected) wrong.push(name);
  }
  const body = request.body && (filledDeep(request.body, values) as Record<string, unknown>);
  const isForm = request.bodyFormat === "FORM";
  if (!body) return arrived.body === "" ? wrong : [...wrong, "body"];
  if (arrived.headers["content-type"] !== (isForm ? "application/x-www-form-urlencoded" : "application/json")) wrong.push("type");
  // In a form, an empty parameter is one that is left out.
  const entries = Object.entries(body).filter(([, value]) => value !== "");
  const expected = isForm ? entries.map(([name, value]) => [name, String(value)]) : body;
  const given = isForm ? [...new URLSearchParams(arrived.body)] : JSON.parse(arrived.body);
  if (JSON.stringify(expected) !== JSON.stringify(given)) wrong.push("body");
  return wrong;
}

function isApplied({ scheme, definition, typed }: LoginPlace, { address, headers, query }: Arrived, token: string): boolean {
  if (!isBelow(address, addressOf(definition.api!.baseUrl, typed))) return false;
  const told = (scheme.discovered ?? []).map(({ name }) => [name, `told-${/\d+/.exec(token)![0]}`]);
  const values = { ...typed, ...Object.fromEntries(told), token };
  const apply = scheme.apply ?? { headers: { authorization: "Bearer {token}" } };
  const wanted = { ...definition.api?.headers, ...apply.headers };
  const inHeaders = Object.entries(wanted).every(([name, template]) => (headers[name] ?? "") === filled(template, values));
  const found = Object.fromEntries(query);
  return inHeaders && Object.entries(apply.query ?? {}).every(([name, template]) => found[name] === filled(template, values));
}

const VARIABLE = /\{(?:connection\.)?([A-Za-z]\w*)(\|)?\}/g;

function filled(template: string, values: Record<string, unknown>, encode = (text: string) => text): string {
  const call = /^(.*)\{base64\((.*)\)\}(.*)$/.exec(template);
  if (call) return `${call[1]}${Buffer.from(filled(call[2]!, values)).toString("base64")}${call[3]}`;
  // Other braces, those of a GraphQL query for one, hold more than a name or stand for nothing that was typed.
  return template.replace(VARIABLE, (whole, name: string) =>
    name in values ? encode(String(values[name])) : whole.includes("|") ? "" : whole,
  );
}

function inUrl(template: string, values: Record<string, unknown>): string {
  return filled(template, values, encodeURIComponent);
}

function filledDeep(value: unknown, values: Record<string, unknown>): unknown {
  if (typeof value === "string") return filled(value, values);
  if (Array.isArray(value)) return value.map((item) => filledDeep(item, values));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, filledDeep(item, values)]));
}
