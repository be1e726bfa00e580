import { type BrowseOptions, browse, CookieJar, type Page, submit } from "./browser.ts";
import type { Form } from "./html-forms.ts";
import type { Switches } from "./switches.ts";

export { type BrowseOptions, browse, CookieJar, type Page, submit } from "./browser.ts";
export type { Form } from "./html-forms.ts";

export interface UserChoice {
  /** An id ("ada", "grace", "alan") or an e-mail address; Ada where it is not given. */
  account?: string;
  deny?: boolean;
  /** The scopes left ticked; all where it is not given. */
  scopes?: string[];
  /** The sandbox's switches for this one authorization. */
  switches?: Partial<Switches>;
  /** Goes back at the sign-in page. */
  cancel?: boolean;
}

export interface PlayOptions {
  /** The redirect that ends the play; not fetched. Without it the first page that asks nothing ends it. */
  stopAtPrefix?: string;
  cookieJar?: CookieJar;
  fetch?: BrowseOptions["fetch"];
}

const MAX_PAGES = 12;

/**
 * Plays the person at the browser: opens an authorization URL (of the sandbox, or a link that leads there), signs in, decides,
 * and presses the button of any page in between that has nothing to fill in. Throws, naming the page, where it is stuck.
 */
export async function playUser(
  authorizationUrl: string,
  choice: UserChoice,
  options: PlayOptions = {},
): Promise<{ redirectedTo: string; page: Page }> {
  const visit = { ...options, cookieJar: options.cookieJar ?? new CookieJar() };
  let page = await browse(authorizationUrl, visit);
  for (let step = 0; step < MAX_PAGES; step += 1) {
    if (page.redirectedTo) return { redirectedTo: page.redirectedTo, page };
    if (page.status >= 400) throw stuck(page, "answers with an error");
    const next = answer(page, choice, visit);
    if (next) page = await next;
    else if (options.stopAtPrefix) throw stuck(page, "asks nothing and does not lead on");
    else return { redirectedTo: page.url, page };
  }
  throw stuck(page, `is the ${MAX_PAGES}th page, and there is no end`);
}

function answer(page: Page, choice: UserChoice, options: BrowseOptions): Promise<Page> | undefined {
  const consent = page.forms.find((form) => form.names.includes("decision") && form.names.includes("switches"));
  if (consent) return decide(page, consent, choice, options);
  const signIn = page.forms.find((form) => form.names.includes("account"));
  const cancel = page.forms.find((form) => form.buttons.some(([, value]) => value === "cancel"));
  if (signIn && cancel && choice.cancel) return submit(page, cancel, {}, { ...options, button: ["decision", "cancel"] });
  if (signIn) return submit(page, signIn, { account: choice.account ?? "ada" }, options);
  const only = page.forms.find((form) => form.method === "post");
  return only ? submit(page, only, {}, { ...options, ...(only.buttons[0] ? { button: only.buttons[0] } : {}) }) : undefined;
}

function decide(page: Page, form: Form, choice: UserChoice, options: BrowseOptions): Promise<Page> {
  const values: Record<string, string | string[]> = {};
  if (choice.scopes) values.scope = choice.scopes;
  if (choice.switches) values.switches = JSON.stringify(choice.switches);
  return submit(page, form, values, { ...options, button: ["decision", choice.deny ? "deny" : "allow"] });
}

function stuck(page: Page, why: string): Error {
  const title = /<title>([^<]*)/i.exec(page.body)?.[1]?.trim() ?? "";
  const { origin, pathname } = new URL(page.url);
  return new Error(`The page "${title}" at ${origin}${pathname} ${why} (status ${page.status}).`);
}
