import type { PageModel, PageText } from "../domain/hosted/authorization.ts";
import { type Translate, translatorFor } from "../words/index.ts";
import { formContent, translatedForm } from "./form-page.ts";
import { type Html, html } from "./html.ts";
import { type Page, page } from "./page-frame.ts";
import { chooseLanguage, type Named, type Sentences, type Words } from "./words/index.ts";

export type { Page } from "./page-frame.ts";

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

/**
 * A tab in which a link with a choice was opened goes back there: the hosted page has kept its path (src/web/connect/way-back.ts), and tells
 * how it went. Where it is not over, this page has something to say, and its reader goes back when they have read it.
 */
const BEGUN_SCRIPT = `
const list = document.getElementById("list");
const { request, over } = list.dataset;
let path = null;
try {
  path = sessionStorage.getItem("moorline-choice:" + request);
} catch {}
if (path && over) location.replace(path + "#" + request);
else if (path) {
  list.querySelector("a").href = path;
  list.hidden = false;
}
`;

/** `acceptLanguage`: what the browser says it reads; it counts where the page has no language of its own. */
export function connectionPage(model: PageModel, acceptLanguage?: string): Page {
  const language = chooseLanguage(model.locale, acceptLanguage);
  const { words } = language;
  const translate = translatorFor(language.lang) ?? asItIs;
  const named: Named = {
    connector: model.connectorName ?? (model.kind === "START" || model.kind === "FORM" ? words.account : words.provider),
    product: model.productName ?? "Moorline",
    user: model.userLabel,
  };
  const heading = words.titles[model.kind](named);
  // A screen reader begins with the title.
  const title = model.form && model.form.error !== null ? words.errorTitle(heading) : heading;
  const { message, remedy } = sentencesOf(model.text, words, named, translate);
  const content = html`
    ${model.productName && html`<p class="soft">${model.productName}</p>`}
    <h1>${heading}</h1>
    <p>${message}</p>
    ${remedy && html`<p>${remedy}</p>`}
    ${facts(model, words, translate)} ${model.device && deviceContent(model.device, words)} ${model.form && formContent(translatedForm(model.form, translate), words)}
    ${model.choice && choiceContent(model.choice, words)} ${actions(model, words, named)} ${model.popup && popup(model.popup, words, model.returnTo)}
    ${model.begun && toList(model, model.begun, words)}`;
  const waits = model.kind === "WAIT" || model.kind === "DEVICE";
  const head = waits ? html`<meta http-equiv="refresh" content="${model.kind === "WAIT" ? "3" : "5"}">` : null;
  return page({
    status: model.status,
    lang: language.lang,
    title,
    content,
    head,
    formAction: ["CONFIRM", "FORM", "CHOICE"].includes(model.kind),
    script: scriptOf(model),
    brand: model.brand,
  });
}

/** None where something is typed in: only where a way that went through the hosted page may end. */
function scriptOf({ popup, begun, kind }: PageModel): string | null {
  if (popup) return POPUP_SCRIPT;
  return begun && (begun.over || kind === "FAILED") ? BEGUN_SCRIPT : null;
}

const asItIs: Translate = (text) => text;

function sentencesOf(text: PageText, words: Words, named: Named, translate: Translate): Sentences {
  if (text.key !== "FAILED") return words.texts[text.key](named);
  const { failure } = text;
  if (!failure) return { message: words.failed, remedy: null };
  const { message, remedy } = failure;
  return words.failures?.[failure.code]?.(named) ?? { message: translate(message), remedy: remedy && translate(remedy) };
}

/** The code as text that can be copied, and the way to where it goes; this page stays open and tells the outcome. */
function deviceContent(device: NonNullable<PageModel["device"]>, words: Words): Html {
  const { userCode, verificationUri, verificationUriComplete } = device;
  return html`
    <p class="code">${userCode}</p>
    <div class="actions"><a class="button primary" href="${verificationUriComplete ?? verificationUri}" target="_blank" rel="noopener noreferrer nofollow">${words.open(verificationUri)}</a></div>
    <p class="soft">${words.deviceShows}</p>`;
}

function facts({ kind, userLabel, scopes }: PageModel, words: Words, translate: Translate): Html | null {
  if (kind !== "START" && kind !== "CONFIRM" && kind !== "FORM" && kind !== "DEVICE" && kind !== "CHOICE") return null;
  return html`
    ${userLabel && html`<p>${words.forWhom} <strong>${userLabel}</strong></p>`}
    ${
      scopes &&
      scopes.length > 0 &&
      html`<p>${words.mayBeUsedFor}</p><ul>${scopes.map((scope) => html`<li>${scope.description ? translate(scope.description) : scope.name}${scope.description && html` <span class="soft">(${scope.name})</span>`}</li>`)}</ul>`
    }`;
}

/** Each is a form's button: a link would begin something wherever a scanner follows it. */
function choiceContent({ action, choices }: NonNullable<PageModel["choice"]>, words: Words): Html {
  if (choices.length === 0) return html`<p>${words.nothingToChoose}</p>`;
  return html`<form method="post" action="${action}"><ul class="choices">${choices.map(
    ({ authConfigId, label }) => html`<li><button name="authConfigId" value="${authConfigId}">${label}</button></li>`,
  )}</ul></form>`;
}

function actions(model: PageModel, words: Words, named: Named): Html | null {
  if (model.kind === "CONFIRM" && model.handle) {
    return html`<form method="post" action="/connect/confirm">
      <input type="hidden" name="handle" value="${model.handle}">
      <div class="actions">
        <button class="primary" name="decision" value="connect">${words.connect}</button>
        <button name="decision" value="refuse">${words.notMe}</button>
      </div>
    </form>`;
  }
  if (model.kind === "START" && model.authorizationUrl) {
    return html`<p class="soft">${words.willBeSent(named.connector)}</p>
      <div class="actions"><a class="button primary" href="${model.authorizationUrl}" rel="nofollow">${words.goOn}</a></div>`;
  }
  const { returnTo } = model;
  const againUrl = model.againUrl ?? (model.kind === "FAILED" ? model.authorizationUrl : undefined);
  if (!returnTo && !againUrl) return null;
  return html`<div class="actions">
    ${returnTo && html`<a class="button primary" href="${returnTo}">${words.backTo(model.productName)}</a>`}
    ${againUrl && html`<a class="button" href="${againUrl}" rel="nofollow">${words.tryAgain}</a>`}
  </div>`;
}

/** Hidden until the script knows where it leads, if the server does not. */
function toList(model: PageModel, { id, over }: NonNullable<PageModel["begun"]>, words: Words): Html | null {
  const { listUrl } = model;
  if (!listUrl && scriptOf(model) !== BEGUN_SCRIPT) return null;
  return html`<p id="list" class="actions" data-request="${id}" data-over="${over && "true"}"${!listUrl && html` hidden`}>
    <a class="button" href="${listUrl}">${words.toList}</a>
  </p>`;
}

function popup(
  { origin, connectionRequestId, status }: NonNullable<PageModel["popup"]>,
  words: Words,
  returnTo?: string | null,
): Html {
  return html`<div id="popup" data-origin="${origin}" data-request="${connectionRequestId}" data-status="${status}" data-next="${returnTo ?? ""}" class="actions">
    <button id="close" type="button">${words.closeWindow}</button>
  </div>`;
}

/**
 * Instead of a redirect that answers a form: browsers hold the form's `form-action` policy against the whole chain of redirects, which
 * ends at somebody else's origin.
 */
export function onwardPage(url: string, acceptLanguage?: string): Page {
  const { lang, words } = chooseLanguage(null, acceptLanguage);
  const { title, message } = words.onward;
  const content = html`<h1>${title}</h1><p>${message}</p><div class="actions"><a class="button primary" href="${url}">${words.goOn}</a></div>`;
  return page({ status: 200, lang, title, content, head: html`<meta http-equiv="refresh" content="0; url=${url}">` });
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
