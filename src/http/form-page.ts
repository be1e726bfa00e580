import type { FormModel } from "../domain/hosted/authorization.ts";
import type { Translate } from "../words/index.ts";
import { type Html, html } from "./html.ts";
import type { Words } from "./words/index.ts";

type FormField = FormModel["fields"][number];
type FormError = NonNullable<FormModel["error"]>;

/** What the connector says of its fields, and what was found wrong, in another language. */
export function translatedForm(form: FormModel, translate: Translate): FormModel {
  const optional = (text: string | undefined) => text && translate(text);
  const fields = form.fields.map((field) => ({
    ...field,
    label: translate(field.label),
    description: optional(field.description),
    group: optional(field.group),
    options: field.options.map((option) => ({ ...option, label: translate(option.label) })),
    conditions: field.conditions.map(({ label, values }) => ({ label: translate(label), values: values.map(translate) })),
    error: field.error && translate(field.error),
  }));
  const error = form.error && "message" in form.error ? { ...form.error, message: translate(form.error.message) } : form.error;
  return { ...form, fields, error };
}

/** A plain form: works without a script, and says what is wrong in words, at the top and beside the field (WCAG 3.3.1, 3.3.3). */
export const FORM_STYLE = `
.field { margin: 0 0 1.25rem; }
.field label, legend { display: block; font-weight: 600; }
.field .soft { margin: 0 0 .25rem; }
.field input:not([type=checkbox]), .field select, .field textarea { width: 100%; font: inherit; padding: .5rem .625rem; border: 1px solid var(--soft); border-radius: .375rem; background: var(--page); color: inherit; }
.field textarea { min-height: 8rem; font-family: ui-monospace, monospace; }
.check { display: flex; gap: .5rem; align-items: baseline; }
.error { margin: 0 0 .25rem; color: var(--wrong); font-weight: 600; }
.errors { margin: 0 0 1.25rem; padding: .75rem 1rem; border: 2px solid var(--wrong); border-radius: .5rem; }
.errors p, .errors ul { margin: 0; }
fieldset { margin: 0 0 1.25rem; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem; }
`;

export function formContent({ action, handle, fields, error }: FormModel, words: Words): Html {
  const draw = (field: FormField) => control(field, words.form);
  const wrong = fields.filter((field) => field.error !== null);
  return html`
    ${
      error !== null &&
      html`<div class="errors" role="alert"><p>${saidOf(error, words)}</p>${
        wrong.length > 0 && html`<ul>${wrong.map((field) => html`<li><a href="#${idOf(field)}">${field.error}</a></li>`)}</ul>`
      }${fields.some((field) => field.secret) && html`<p class="soft">${words.form.secretsAgain}</p>`}</div>`
    }
    <form method="post" action="${action}" autocomplete="off">
      <input type="hidden" name="handle" value="${handle}">
      ${groupsOf(fields).map(([group, members]) => (group === null ? members.map(draw) : html`<fieldset><legend>${group}</legend>${members.map(draw)}</fieldset>`))}
      <div class="actions">
        <button class="primary" name="decision" value="connect">${words.connect}</button>
        <button name="decision" value="refuse" formnovalidate>${words.notMe}</button>
      </div>
    </form>`;
}

function saidOf(error: FormError, words: Words): string {
  if (error.key === "INVALID") return words.form.invalid;
  return error.key === "NOT_SAVED" ? words.form.notSaved(error.message) : error.message;
}

/** In the order of the fields; those of one group stand where its first one does. */
function groupsOf(fields: readonly FormField[]): [string | null, FormField[]][] {
  return [...Map.groupBy(fields, (field) => field.group ?? null)];
}

function control(field: FormField, words: Words["form"]): Html {
  const notes = notesOf(field, words);
  const described = [notes && `${idOf(field)}-help`, field.error !== null && `${idOf(field)}-error`].filter(Boolean).join(" ");
  const attributes = html`id="${idOf(field)}" name="field.${field.name}"${described !== "" && html` aria-describedby="${described}"`}${
    field.error !== null && html` aria-invalid="true"`
  }${field.required && field.type !== "BOOLEAN" && html` required`}`;
  const label = html`<label for="${idOf(field)}">${field.label}${!field.required && field.type !== "BOOLEAN" && html` <span class="soft">(${words.optional})</span>`}</label>`;
  const box = boxOf(field, attributes, words);
  return html`<div class="field">
    ${field.type === "BOOLEAN" ? html`<div class="check">${box}${label}</div>` : label}
    ${notes}
    ${field.error !== null && html`<p class="error" id="${idOf(field)}-error">${field.error}</p>`}
    ${field.type !== "BOOLEAN" && box}
  </div>`;
}

function notesOf(field: FormField, words: Words["form"]): Html | null {
  const { description, conditions, example, helpUrl } = field;
  if (!description && conditions.length === 0 && example === null && !helpUrl) return null;
  const link = helpUrl && html` <a href="${helpUrl}" target="_blank" rel="noreferrer noopener">${words.whereToFind}</a>`;
  return html`<p class="soft" id="${idOf(field)}-help">${[description, conditions.length > 0 && words.onlyWhere(conditions), example !== null && words.example(example)].filter(Boolean).join(" ")}${link}</p>`;
}

function boxOf(field: FormField, attributes: Html, words: Words["form"]): Html {
  if (field.type === "BOOLEAN")
    return html`<input type="checkbox" value="true" ${attributes}${field.value === "true" && html` checked`}>`;
  if (field.options.length > 0) {
    const options = field.options.map(
      ({ value, label }) => html`<option value="${value}"${value === field.value && html` selected`}>${label}</option>`,
    );
    return html`<select ${attributes}><option value="">${words.choose}</option>${options}</select>`;
  }
  // The first line break of a text area is not a part of its value (HTML section 13.1.2.5).
  if (field.multiline)
    return html`<textarea ${attributes} spellcheck="false" autocomplete="off">
${field.value}</textarea>`;
  if (field.secret) return html`<input type="password" ${attributes} autocomplete="new-password" spellcheck="false">`;
  const numeric = field.type === "INTEGER" && html` inputmode="numeric"`;
  const type = field.type === "URL" ? "url" : "text";
  return html`<input type="${type}" ${attributes} value="${field.value}" autocomplete="off" autocapitalize="none" spellcheck="false"${numeric}>`;
}

/** Of a name that the connector's data holds to letters and digits. */
function idOf({ name }: FormField): string {
  return `field-${name}`;
}
