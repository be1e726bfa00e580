import { createHash } from "node:crypto";
import type { PageBrand } from "../domain/hosted/authorization.ts";
import { readableOn } from "../lib/contrast.ts";
import { FORM_STYLE } from "./form-page.ts";
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
.actions:not([hidden]) { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1.5rem; }
button, .button { font: inherit; font-weight: 600; padding: .625rem 1.125rem; border-radius: .5rem; border: 1px solid var(--line); background: transparent; color: inherit; text-decoration: none; cursor: pointer; }
.primary { background: var(--accent); border-color: var(--accent); color: var(--on-accent); }
.code { font: 600 1.75rem/1.3 ui-monospace, monospace; letter-spacing: .08em; user-select: all; }
a { color: var(--accent); }
.logo { display: block; max-width: 12rem; max-height: 3rem; margin: 0 0 1rem; }
.choices { list-style: none; padding: 0; }
.choices button { width: 100%; margin: 0 0 .5rem; text-align: start; }
a.primary { color: var(--on-accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
${FORM_STYLE}`;

export interface PageParts {
  status: number;
  title: string;
  content: Html;
  /** Default English. */
  lang?: string;
  head?: Html | null;
  formAction?: boolean;
  /** Source text of ours. */
  script?: string | null;
  brand?: PageBrand | null;
}

/** The whole document around a page's content. Whatever is inline stands in its policy by its hash. */
export function page(parts: PageParts): Page {
  const { status, title, content, lang = "en", head = null, formAction = false, script = null, brand = null } = parts;
  const style = STYLE + brandStyle(brand);
  const logo = logoOf(brand);
  const body = html`<!doctype html>
<html lang="${lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>${title}</title>
${head}<style>${trusted(style)}</style>
</head>
<body><main>${logo}${content}</main>${script !== null && html`<script>${trusted(script)}</script>`}</body>
</html>
`;
  const policy = [
    "default-src 'none'",
    `style-src '${hashSource(style)}'`,
    script !== null && `script-src '${hashSource(script)}'`,
    logo !== null && "img-src 'self'",
    `form-action ${formAction ? "'self'" : "'none'"}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return { status, body: body.text, policy: policy.filter(Boolean).join("; ") };
}

/** The product's colour where it carries text of its own; text in it would have to be readable on both of our backgrounds. */
function brandStyle(brand: PageBrand | null): string {
  const accent = /^#[0-9a-f]{6}$/i.exec(brand?.accentColor ?? "")?.[0];
  return accent ? `.primary, a.primary { background: ${accent}; border-color: ${accent}; color: ${readableOn(accent)}; }\n` : "";
}

/** From our own host (see brand.ts); its name is beside it, so that it says nothing itself. */
function logoOf(brand: PageBrand | null): Html | null {
  if (!brand?.logoUrl && !brand?.logoDarkUrl) return null;
  const path = `/brand/${brand.projectId}`;
  const dark = brand.logoDarkUrl && html`<source srcset="${path}/logo-dark" media="(prefers-color-scheme: dark)">`;
  return html`<picture>${dark}<img class="logo" src="${path}/${brand.logoUrl ? "logo" : "logo-dark"}" alt=""></picture>`;
}

function hashSource(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
