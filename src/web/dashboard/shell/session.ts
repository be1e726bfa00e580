/** The dashboard's own sign-in: JSON by POST, a cookie that scripts can't read, and a header that other sites can't send. */
const HEADERS = { "content-type": "application/json", "moorline-session": "dashboard" };

export interface SignedInProject {
  /** Public id of the API key that the session acts as in it. */
  key: string;
  projectId: string;
  projectName: string;
  role: string;
  current: boolean;
}

export interface DashboardSession {
  projects: SignedInProject[];
  expiresAt: string;
}

/** Null: nobody is signed in. Throws an Error for a person to read where the server can't be asked. */
export async function readSession(): Promise<DashboardSession | null> {
  const response = await fetch("/session", { headers: HEADERS, cache: "no-store" });
  if (response.status === 401) return null;
  return (await answerOf(response)) as DashboardSession;
}

/** Throws an Error for a person to read. */
export async function signIn(secret: { apiKey: string } | { signInToken: string }): Promise<void> {
  await post("/session", secret);
}

export async function switchProject(key: string): Promise<void> {
  await post("/session/switch", { key });
}

export async function signOut(): Promise<void> {
  await post("/session/end", {});
}

async function post(path: string, body: object): Promise<unknown> {
  return answerOf(await fetch(path, { method: "POST", headers: HEADERS, body: JSON.stringify(body), cache: "no-store" }));
}

async function answerOf(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return body;
  throw new Error(messageOf(body) ?? `The server answered ${response.status}. Try again.`);
}

function messageOf(body: unknown): string | null {
  const [first] = (body as { errors?: { message?: unknown }[] } | null)?.errors ?? [];
  return typeof first?.message === "string" ? first.message : null;
}

/** The one-time token of a link that the console printed, taken out of the address so that it stays in no history. */
export function takeSignInToken(): string | null {
  const [, token] = /^#sign-in=(\S+)$/.exec(location.hash) ?? [];
  if (token) history.replaceState(null, "", location.pathname);
  return token ?? null;
}
