import { join, resolve } from "node:path";
import { readRange } from "./lib/addresses.ts";
import { isOrigin, isReturnUrl } from "./lib/front-end.ts";
import { StartError } from "./lib/start-error.ts";
import { type ManagedAppSetting, managedApps } from "./managed-apps.ts";

/** Everything that the environment may say, read once. README.md has the table. */
export interface Config {
  production: boolean;
  port: number;
  host: string;
  /** Where browsers and providers reach us: origin only, no trailing slash. */
  publicUrl: string;
  /** Null: PGlite in `dataDirectory`. */
  databaseUrl: string | null;
  dataDirectory: string;
  /** Key-encryption keys of 32 bytes, the first one active; null: made at the first development start. */
  masterKeys: Buffer[] | null;
  bootstrapApiKey: string | null;
  sandbox: boolean;
  sandboxPort: number;
  corsOrigins: string[];
  allowedReturnUrls: string[];
  egressAllow: string[];
  /** Reverse proxies whose `X-Forwarded-For` is believed. */
  trustedProxies: string[];
  /** The operator's default developer apps; whether the catalogue has their connectors is checked where it is loaded. */
  managedApps: ManagedAppSetting[];
  /** Background jobs that this process leaves to others (src/jobs/index.ts has the names). */
  skipJobs: string[];
  /** Of one call through the proxy: how long the API may take to begin its answer, and how large request and answer may be. */
  proxy: { timeoutSeconds: number; maxRequestMib: number; maxResponseMib: number };
  /** GraphiQL and introspection. */
  exploration: boolean;
  logLevel: string;
  /** Who may read /metrics: anybody in development, who has the token, or nobody. */
  metrics: "open" | "closed" | { token: string };
}

type Env = Record<string, string | undefined>;

/** Throws StartError with a sentence that names the variable. */
export function readConfig(env: Env): Config {
  const production = env.NODE_ENV === "production";
  if (production) requireForProduction(env);
  const port = integer(env, "PORT", 4000, 0, 65535);
  return {
    production,
    port,
    host: env.HOST || (production ? "0.0.0.0" : "127.0.0.1"),
    publicUrl: publicUrl(env.MOORLINE_PUBLIC_URL || `http://localhost:${port}`, production),
    databaseUrl: databaseUrl(env),
    dataDirectory: resolve(env.MOORLINE_DATA_DIR || ".moorline"),
    masterKeys: masterKeys(env),
    bootstrapApiKey: bootstrapApiKey(env),
    sandbox: boolean(env, "MOORLINE_SANDBOX", !production),
    sandboxPort: integer(env, "MOORLINE_SANDBOX_PORT", 4001, 0, 65535),
    corsOrigins: list(env, "MOORLINE_CORS_ORIGINS").map((value) => origin("MOORLINE_CORS_ORIGINS", value)),
    allowedReturnUrls: list(env, "MOORLINE_ALLOWED_RETURN_URLS").map((value) => returnUrl("MOORLINE_ALLOWED_RETURN_URLS", value)),
    egressAllow: list(env, "MOORLINE_EGRESS_ALLOW").map((value) => addressRange("MOORLINE_EGRESS_ALLOW", value)),
    trustedProxies: list(env, "MOORLINE_TRUSTED_PROXIES").map(trustedProxy),
    managedApps: managedApps(env.MOORLINE_MANAGED_APPS, env),
    skipJobs: list(env, "MOORLINE_SKIP_JOBS"),
    proxy: {
      timeoutSeconds: integer(env, "MOORLINE_PROXY_TIMEOUT_SECONDS", 60, 1, 600),
      maxRequestMib: integer(env, "MOORLINE_PROXY_MAX_REQUEST_MIB", 100, 1, 1_000_000),
      maxResponseMib: integer(env, "MOORLINE_PROXY_MAX_RESPONSE_MIB", 1_000, 1, 1_000_000),
    },
    exploration: boolean(env, "MOORLINE_EXPLORATION", !production),
    logLevel: logLevel(env),
    metrics: metrics(env, production),
  };
}

export function pgliteDirectory(config: Config): string {
  return join(config.dataDirectory, "database");
}

function requireForProduction(env: Env): void {
  for (const name of ["MOORLINE_MASTER_KEYS", "MOORLINE_BOOTSTRAP_API_KEY", "MOORLINE_PUBLIC_URL"]) {
    if (!env[name]) throw new StartError(`${name} is required in production: see the configuration table in README.md.`);
  }
}

function publicUrl(value: string, production: boolean): string {
  const url = URL.parse(value);
  if (!url || !["http:", "https:"].includes(url.protocol) || url.pathname !== "/" || url.search || url.hash || url.username) {
    throw new StartError(
      `MOORLINE_PUBLIC_URL must be an origin such as https://moorline.example.com, without a path, and not "${value}".`,
    );
  }
  const loopback = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol === "http:" && !loopback) {
    throw new StartError(
      `MOORLINE_PUBLIC_URL must begin with https:// unless its host is localhost or a loopback address: cookies that bind a browser to its flow need it.`,
    );
  }
  if (url.protocol === "http:" && production) throw new StartError("MOORLINE_PUBLIC_URL must begin with https:// in production.");
  return url.origin;
}

function databaseUrl(env: Env): string | null {
  const value = env.DATABASE_URL;
  if (!value) return null;
  if (!/^postgres(ql)?:\/\//.test(value) || !URL.canParse(value)) {
    throw new StartError("DATABASE_URL must be a PostgreSQL URL such as postgresql://user:password@host:5432/moorline.");
  }
  return value;
}

function masterKeys(env: Env): Buffer[] | null {
  const values = list(env, "MOORLINE_MASTER_KEYS");
  if (values.length === 0) return null;
  return values.map((value, index) => {
    const key = Buffer.from(value, "base64");
    if (key.length !== 32 || key.toString("base64").replace(/=+$/, "") !== value.replace(/=+$/, "")) {
      throw new StartError(
        `MOORLINE_MASTER_KEYS: key ${index + 1} must be 32 bytes in base64. Make one with: openssl rand -base64 32`,
      );
    }
    return key;
  });
}

function bootstrapApiKey(env: Env): string | null {
  const value = env.MOORLINE_BOOTSTRAP_API_KEY;
  if (!value) return null;
  if (!value.startsWith("mlk_") || value.length < 32 || /\s/.test(value)) {
    throw new StartError("MOORLINE_BOOTSTRAP_API_KEY must begin with mlk_ and have 32 characters or more, without spaces.");
  }
  return value;
}

function integer(env: Env, name: string, fallback: number, min: number, max: number): number {
  const value = env[name];
  if (!value) return fallback;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < min || number > max) {
    throw new StartError(`${name} must be a whole number from ${min} to ${max}, and not "${value}".`);
  }
  return number;
}

function boolean(env: Env, name: string, fallback: boolean): boolean {
  const value = env[name]?.toLowerCase();
  if (!value) return fallback;
  if (["1", "true", "on", "yes"].includes(value)) return true;
  if (["0", "false", "off", "no"].includes(value)) return false;
  throw new StartError(`${name} must be true or false, and not "${value}".`);
}

function list(env: Env, name: string): string[] {
  return (env[name] ?? "")
    .split(",")
    .map((value) => value.trim())
    .filter(Boolean);
}

function origin(name: string, value: string): string {
  if (isOrigin(value)) return value;
  throw new StartError(`${name}: "${value}" is no origin. Write scheme, host and port only, such as https://app.example.com.`);
}

function returnUrl(name: string, value: string): string {
  if (isReturnUrl(value)) return value;
  throw new StartError(`${name}: "${value}" is no complete URL without fragment, such as https://app.example.com/connected.`);
}

function addressRange(name: string, value: string): string {
  if (readRange(value)) return value;
  throw new StartError(`${name}: "${value}" is neither an address nor a CIDR range such as 10.1.0.0/16.`);
}

function trustedProxy(value: string): string {
  const name = "MOORLINE_TRUSTED_PROXIES";
  const range = addressRange(name, value);
  if (readRange(range)?.bits !== 0) return range;
  throw new StartError(`${name}: "${value}" is everybody, who could then say to be anybody. Name your reverse proxies only.`);
}

function logLevel(env: Env): string {
  const value = env.MOORLINE_LOG_LEVEL || "info";
  if (!["fatal", "error", "warn", "info", "debug", "trace", "silent"].includes(value)) {
    throw new StartError(`MOORLINE_LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent, and not "${value}".`);
  }
  return value;
}

function metrics(env: Env, production: boolean): Config["metrics"] {
  const token = env.MOORLINE_METRICS_TOKEN;
  if (!token) return production ? "closed" : "open";
  if (!/^[\x21-\x7e]{16,}$/.test(token))
    throw new StartError("MOORLINE_METRICS_TOKEN must have 16 characters or more, without spaces.");
  return { token };
}
