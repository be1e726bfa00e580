import { createHash } from "node:crypto";
import { type Account, PEOPLE } from "./accounts.ts";
import { SwitchesSchema } from "./switches.ts";
import { misbehaveFieldset } from "./switches-page.ts";

const STYLE = `
:root { color-scheme: light dark; --line: light-dark(#8b8b95, #7c7c88); --soft: light-dark(#f3f3f6, #24242b); --accent: light-dark(#1d4ed8, #93b4ff); }
* { box-sizing: border-box; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem; max-width: 44rem; background: light-dark(#fff, #17171c); color: light-dark(#17171c, #f0f0f4); }
h1 { font-size: 1.5rem; line-height: 1.2; } h2 { font-size: 1.15rem; margin-top: 2rem; }
a { color: var(--accent); }
.banner { border: 1px dashed var(--line); border-radius: .4rem; padding: .3rem .7rem; font-size: .9rem; }
form { display: grid; gap: .8rem; } fieldset, details { border: 1px solid var(--line); border-radius: .4rem; padding: .8rem 1rem; }
fieldset fieldset { margin-top: .8rem; } summary { cursor: pointer; }
label { display: block; padding: .2rem 0; } .hint { display: block; font-size: .88rem; opacity: .85; }
input:not([type=checkbox]):not([type=radio]), select, textarea { font: inherit; width: 100%; padding: .45rem; border: 1px solid var(--line); border-radius: .3rem; background: transparent; color: inherit; }
option { color: initial; }
button { font: inherit; padding: .55rem 1rem; border: 1px solid var(--line); border-radius: .4rem; background: var(--soft); color: inherit; cursor: pointer; }
button.main { background: var(--accent); color: light-dark(#fff, #101018); border-color: transparent; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.people { display: grid; gap: .5rem; } .people button { display: flex; gap: .8rem; align-items: center; text-align: left; } .people img { width: 2.5rem; height: 2.5rem; }
.row { display: flex; gap: .6rem; flex-wrap: wrap; }
code, pre { background: var(--soft); border-radius: .3rem; padding: .1rem .3rem; overflow-wrap: anywhere; } pre { padding: .7rem; white-space: pre-wrap; }
dt { font-weight: 600; } dd { margin: 0 0 .5rem; }
`;

/**
 * Headers of every page. There is no `form-action`: browsers apply it to the redirects that follow a form too, and the
 * consent form ends at the client's redirect URI and wherever that leads.
 */
export const PAGE_HEADERS: Record<string, string> = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "content-security-policy": `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'`,
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

export function escapeHtml(text: string): string {
  const entities: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? "");
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} · Sandbox provider</title>
<style>${STYLE}</style>
</head>
<body>
<p class="banner">Sandbox provider: made-up people, for development and tests only.</p>
<main>
<h1>${escapeHtml(title)}</h1>
${body}
</main>
</body>
</html>
`;
}

export function homePage(details: { issuer: string; clientId: string; clientSecret: string }): string {
  const { issuer, clientId, clientSecret } = details;
  const value = (text: string) => `<code>${escapeHtml(text)}</code>`;
  const switches = Object.entries(SwitchesSchema.shape).map(
    ([key, schema]) => `<dt><code>${escapeHtml(key)}</code></dt><dd>${escapeHtml(schema.unwrap().description ?? "")}</dd>`,
  );
  const example = `curl -X PATCH ${issuer}/control/clients/${clientId} \\
  -H 'content-type: application/json' \\
  -d '{"switches": {"accessTokenTtlSeconds": 30, "rotation": "strict"}}'`;
  return page(
    "A provider to practise with",
    `<p>This is a real OAuth 2.0 and OpenID Connect server with made-up people and a small API. It runs on this machine only.
It can be told to misbehave, so that you can see how a connection copes.</p>
<dl>
<dt>Issuer</dt><dd>${value(issuer)} (<a href="/.well-known/openid-configuration">metadata</a>)</dd>
<dt>Client id</dt><dd>${value(clientId)}</dd>
<dt>Client secret</dt><dd>${value(clientSecret)}</dd>
<dt>API</dt><dd>${value("GET /api/me")}, ${value("GET /api/notes")}, ${value("POST /api/notes")} with <code>{"text": "…"}</code></dd>
</dl>
<h2>Switches</h2>
<p>For one authorization: open “Misbehave” on the consent page. For all of a client's: change the client.
The switches that you send replace the ones before; <code>{}</code> switches all off.</p>
<pre>${escapeHtml(example)}</pre>
<p>${value("POST /control/clients")} makes a client, ${value("POST /control/revoke")} ends grants by <code>accountId</code> or
<code>clientId</code>, ${value("GET /control/log")} lists the token requests seen, ${value("DELETE /control/log")} empties the list.</p>
<dl>${switches.join("\n")}</dl>`,
  );
}

export function signInPage(details: { clientName: string; hint?: string; problem?: string }): string {
  const people = PEOPLE.map(
    (person) => `<button type="submit" name="account" value="${escapeHtml(person.id)}">
<img src="/people/${escapeHtml(person.id)}.svg" alt="" width="40" height="40">
<span>${escapeHtml(person.name)}<span class="hint">${escapeHtml(person.email)}</span></span></button>`,
  );
  const problem = details.problem ? `<p role="alert"><strong>${escapeHtml(details.problem)}</strong></p>` : "";
  return page(
    "Who are you today?",
    `<p>${escapeHtml(details.clientName)} sent you here to sign in.</p>
${problem}
<form method="post"><div class="people">${people.join("\n")}</div></form>
<h2>Somebody else</h2>
<form method="post">
<label>E-mail address <span class="hint">Any address makes a person; no mail is sent.</span>
<input type="email" name="account" required maxlength="200" value="${escapeHtml(details.hint ?? "")}"></label>
<div class="row"><button class="main" type="submit">Continue</button></div>
</form>
<h2>Not now</h2>
<form method="post"><div class="row"><button type="submit" name="decision" value="cancel">Cancel and go back</button></div></form>`,
  );
}

export interface ConsentDetails {
  clientName: string;
  account: Account;
  scopes: { name: string; words: string; fixed: boolean }[];
  problem?: string;
}

export function consentPage(details: ConsentDetails): string {
  const scopes = details.scopes.map(
    ({
      name,
      words,
      fixed,
    }) => `<label><input type="checkbox" name="scope" value="${escapeHtml(name)}" checked${fixed ? " disabled" : ""}>
${escapeHtml(words)} <code>${escapeHtml(name)}</code></label>`,
  );
  const problem = details.problem ? `<p role="alert"><strong>${escapeHtml(details.problem)}</strong></p>` : "";
  return page(
    `${details.clientName} asks for access`,
    `<p>You are ${escapeHtml(details.account.name)} (${escapeHtml(details.account.email)}).</p>
${problem}
<form method="post">
<fieldset><legend>It would be allowed to</legend>
${scopes.join("\n") || "<p>Nothing in particular.</p>"}
</fieldset>
<details><summary>Misbehave</summary>${misbehaveFieldset()}</details>
<div class="row"><button class="main" type="submit" name="decision" value="allow">Allow</button>
<button type="submit" name="decision" value="deny">Deny</button></div>
</form>`,
  );
}

/** `form` is oidc-provider's own, with its hidden fields; the buttons refer to it by id. */
export function deviceCodePage(form: string, wrong: boolean): string {
  const message = wrong ? '<p role="alert"><strong>That code is not known, or no longer. Type it again.</strong></p>' : "";
  const button = '<p><button class="main" type="submit" form="op.deviceInputForm">Continue</button></p>';
  return page("Connect a device", `<p>Type the code that the device shows.</p>${message}${form}${button}`);
}

export function deviceConfirmPage(form: string, clientName: string, userCode: string): string {
  return page(
    "Is this your device?",
    `<p>${escapeHtml(clientName)} should be showing this code: <strong><code>${escapeHtml(userCode)}</code></strong></p>${form}
<p class="row"><button class="main" type="submit" form="op.deviceConfirmForm">Yes, continue</button>
<button type="submit" form="op.deviceConfirmForm" name="abort" value="yes">No, stop</button></p>`,
  );
}

export function messagePage(title: string, text: string): string {
  return page(title, `<p>${escapeHtml(text)}</p>`);
}

export function errorPage(error: string, description?: string): string {
  return page(
    "This request cannot be served",
    `<p>The app that sent you here asked for something that this provider refuses. Nothing was changed. Go back and start again.</p>
<dl><dt>Error</dt><dd><code>${escapeHtml(error)}</code></dd>
${description ? `<dt>Details</dt><dd>${escapeHtml(description)}</dd>` : ""}</dl>`,
  );
}

/** A person's initials on a disc, as SVG. */
export function picture(account: Account): string {
  const initials = account.name
    .split(/[\s._-]+/)
    .map((word) => word.charAt(0).toUpperCase())
    .join("")
    .slice(0, 2);
  const hue = [...account.id].reduce((sum, character) => sum + character.charCodeAt(0) * 7, 0) % 360;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><circle cx="20" cy="20" r="20" fill="hsl(${hue} 45% 35%)"/>
<text x="20" y="26" text-anchor="middle" font-family="sans-serif" font-size="16" fill="#fff">${escapeHtml(initials)}</text></svg>`;
}
