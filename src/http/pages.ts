import { createHash } from "node:crypto";
import type { PageModel } from "../domain/authorization.ts";
import { FORM_STYLE, formContent } from "./form-page.ts";
import { type Html, html, trusted } from "./html.ts";

/** A page ready to send: its text and the policy that lets in its own style, its own script, and nothing else. */
export interface Page {
  status: number;
  body: string;
  policy: string;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1b2430; --soft: #556070; --page: #f4f6f8; --card: #fff; --line: #c9d1da; --accent: #0b5f5a; --on-accent: #fff; --wrong: #a4161a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #eef2f6; --soft: #aab6c3; --page: #12171d; --card: #1b222b; --line: #3b4754; --accent: #6fd3c9; --on-accent: #06211f; --wrong: #ff9b9b; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--page); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 30rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem; overflow-wrap: anywhere; }
h1 { margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.3; }
p, ul { margin: 0 0 1rem; }
.soft { color: var(--soft); }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
button, .button { font: inherit; font-weight: 600; padding: .625rem 1.125rem; border-radius: .5rem; border: 1px solid var(--line); background: transparent; color: inherit; text-decoration: none; cursor: pointer; }
.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.code { font: 600 1.75rem/1.3 ui-monospace, monospace; letter-spacing: .08em; user-select: all; }
a { color: var(--accent); }
a.primary { color: var(--on-accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
${FORM_STYLE}`;

/**
 * Tells the registered origin, never anybody else, and then goes on to the return URL, or closes where all is well and nothing is left
 * to read. Its data comes in attributes, so that its hash never changes.
 */
const POPUP_SCRIPT = `
const { origin, request, status, next } = document.getElementById("popup").dataset;
if (window.opener) window.opener.postMessage({ type: "moorline:connection", version: 1, connectionRequestId: request, status }, origin);
document.getElementById("close").addEventListener("click", () => window.close());
if (next) location.replace(next);
else if (status === "ACTIVE") window.close();
`;

const STYLE_HASH = hashSource(STYLE);
const SCRIPT_HASH = hashSource(POPUP_SCRIPT);

const TITLES: Record<PageModel["kind"], (page: PageModel) => string> = {
  START: (page) => `Connect ${page.connectorName ?? "your account"}`,
  FORM: (page) => `Connect ${page.connectorName ?? "your account"}`,
  DEVICE: (page) => `Connect ${page.connectorName ?? "your account"}`,
  CONFIRM: () => "Is this you?",
  WAIT: () => "One moment",
  DONE: () => "Connected",
  FAILED: () => "That did not work",
  DENIED: () => "Not connected",
  CANCELED: () => "Cancelled",
  EXPIRED: () => "Too late",
  UNKNOWN_LINK: () => "Nothing to see here",
};

export function connectionPage(model: PageModel): Page {
  const heading = TITLES[model.kind](model);
  // A screen reader begins with the title.
  const title = model.form && model.form.error !== null ? `Error: ${heading}` : heading;
  const content = html`
    ${model.productName && html`<p class="soft">${model.productName}</p>`}
    <h1>${heading}</h1>
    <p>${model.message}</p>
    ${model.remedy && html`<p>${model.remedy}</p>`}
    ${facts(model)} ${model.device && deviceContent(model.device)} ${model.form && formContent(model.form)} ${actions(model)} ${model.popup && popup(model.popup, model.returnTo)}`;
  const waits = model.kind === "WAIT" || model.kind === "DEVICE";
  const head = waits ? html`<meta http-equiv="refresh" content="${model.kind === "WAIT" ? "3" : "5"}">` : null;
  return page({
    status: model.status,
    title,
    content,
    head,
    formAction: model.kind === "CONFIRM" || model.kind === "FORM",
    script: Boolean(model.popup),
  });
}

/** The code as text that can be copied, and the way to where it goes; this page stays open and tells the outcome. */
function deviceContent({ userCode, verificationUri, verificationUriComplete }: NonNullable<PageModel["device"]>): Html {
  return html`
    <p class="code">${userCode}</p>
    <div class="actions"><a class="button primary" href="${verificationUriComplete ?? verificationUri}" target="_blank" rel="noopener noreferrer nofollow">Open ${verificationUri}</a></div>
    <p class="soft">This page shows when it is done.</p>`;
}

function facts({ kind, userLabel, scopes }: PageModel): Html | null {
  if (kind !== "START" && kind !== "CONFIRM" && kind !== "FORM" && kind !== "DEVICE") return null;
  return html`
    ${userLabel && html`<p>For: <strong>${userLabel}</strong></p>`}
    ${
      scopes &&
      scopes.length > 0 &&
      html`<p>What it may be used for:</p><ul>${scopes.map((scope) => html`<li>${scope.description ?? scope.name}${scope.description && html` <span class="soft">(${scope.name})</span>`}</li>`)}</ul>`
    }`;
}

function actions(model: PageModel): Html | null {
  if (model.kind === "CONFIRM" && model.handle) {
    return html`<form method="post" action="/connect/confirm">
      <input type="hidden" name="handle" value="${model.handle}">
      <div class="actions">
        <button class="primary" name="decision" value="connect">Connect</button>
        <button name="decision" value="refuse">This is not me</button>
      </div>
    </form>`;
  }
  if (model.kind === "START" && model.authorizationUrl) {
    return html`<p class="soft">You will be sent to ${model.connectorName ?? "the provider"} to sign in and allow it.</p>
      <div class="actions"><a class="button primary" href="${model.authorizationUrl}" rel="nofollow">Continue</a></div>`;
  }
  if (!model.returnTo) return null;
  return html`<div class="actions"><a class="button primary" href="${model.returnTo}">Back to ${model.productName ?? "where you came from"}</a></div>`;
}

function popup({ origin, connectionRequestId, status }: NonNullable<PageModel["popup"]>, returnTo?: string | null): Html {
  return html`<div id="popup" data-origin="${origin}" data-request="${connectionRequestId}" data-status="${status}" data-next="${returnTo ?? ""}" class="actions">
    <button id="close" type="button">Close this window</button>
  </div>`;
}

/**
 * Instead of a redirect that answers a form: browsers hold the form's `form-action` policy against the whole chain of redirects, which
 * ends at somebody else's origin.
 */
export function onwardPage(url: string): Page {
  const content = html`<h1>One moment</h1><p>You are being sent back.</p><div class="actions"><a class="button primary" href="${url}">Continue</a></div>`;
  return page({ status: 200, title: "One moment", content, head: html`<meta http-equiv="refresh" content="0; url=${url}">` });
}

/** A page of plain words: errors, and what is nowhere. */
export function messagePage(status: number, title: string, ...paragraphs: (string | Html)[]): Page {
  return page({ status, title, content: html`<h1>${title}</h1>${paragraphs.map((text) => html`<p>${text}</p>`)}` });
}

/** `/`: what runs here, for whoever opens it. */
export function homePage(exploration: boolean): Page {
  const graphql = exploration
    ? html`<a href="/graphql">GraphiQL</a>: write and run operations, with a tour of the main job.`
    : html`The API is at <code>/graphql</code>.`;
  return messagePage(
    200,
    "Moorline",
    "This is a Moorline server: a GraphQL gateway between a product and the third-party accounts of its users.",
    graphql,
    html`Is it well? <a href="/health/ready">/health/ready</a>`,
  );
}

interface PageParts {
  status: number;
  title: string;
  content: Html;
  head?: Html | null;
  formAction?: boolean;
  script?: boolean;
}

function page({ status, title, content, head = null, formAction = false, script = false }: PageParts): Page {
  const body = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>${title}</title>
${head}<style>${trusted(STYLE)}</style>
</head>
<body><main>${content}</main>${script && html`<script>${trusted(POPUP_SCRIPT)}</script>`}</body>
</html>
`;
  const policy = [
    "default-src 'none'",
    `style-src '${STYLE_HASH}'`,
    script && `script-src '${SCRIPT_HASH}'`,
    `form-action ${formAction ? "'self'" : "'none'"}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return { status, body: body.text, policy: policy.filter(Boolean).join("; ") };
}

function hashSource(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
