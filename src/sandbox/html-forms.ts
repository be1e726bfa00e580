/** A form of a page: what a browser would send of it when nothing is typed or ticked by the person. */
export interface Form {
  id?: string;
  /** As written; empty for the page's own address. */
  action: string;
  method: "get" | "post";
  fields: [name: string, value: string][];
  /** Names of all controls, buttons and unticked boxes included. */
  names: string[];
  /** Named buttons. */
  buttons: [name: string, value: string][];
}

/** Reads the forms of a page that is known to be well-formed; no general HTML parser. */
export function formsOf(html: string): Form[] {
  const text = html.replace(/<!--[\s\S]*?-->|<(script|style)\b[\s\S]*?<\/\1>/gi, "");
  return [...text.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)].map(([, head = "", inside = ""]) => {
    const attributes = attributesOf(head);
    const form: Form = {
      action: attributes.action ?? "",
      method: attributes.method?.toLowerCase() === "post" ? "post" : "get",
      fields: [],
      names: [],
      buttons: [],
    };
    if (attributes.id) form.id = attributes.id;
    for (const control of controlsOf(inside)) addControl(form, control);
    return form;
  });
}

interface Control {
  tag: string;
  attributes: Record<string, string>;
  content: string;
}

function controlsOf(html: string): Control[] {
  const pattern =
    /<(input)\b((?:"[^"]*"|'[^']*'|[^>"'])*)>|<(textarea|select|button)\b((?:"[^"]*"|'[^']*'|[^>"'])*)>([\s\S]*?)<\/\3>/gi;
  return [...html.matchAll(pattern)].map(([, input, inputHead, other, otherHead, content]) => ({
    tag: (input ?? other ?? "").toLowerCase(),
    attributes: attributesOf(inputHead ?? otherHead ?? ""),
    content: content ?? "",
  }));
}

function addControl(form: Form, { tag, attributes, content }: Control): void {
  const { name, type = "text" } = attributes;
  if (!name) return;
  form.names.push(name);
  if ("disabled" in attributes) return;
  if (tag === "button" || type === "submit") form.buttons.push([name, attributes.value ?? ""]);
  else if (tag === "textarea") form.fields.push([name, decode(content).trim()]);
  else if (tag === "select") form.fields.push([name, selectedOf(content)]);
  else if (type !== "checkbox" && type !== "radio") form.fields.push([name, attributes.value ?? ""]);
  else if ("checked" in attributes) form.fields.push([name, attributes.value ?? "on"]);
}

function selectedOf(options: string): string {
  const all = [...options.matchAll(/<option\b([^>]*)>([^<]*)/gi)].map(([, head = "", text = ""]) => ({
    head: attributesOf(head),
    text,
  }));
  const chosen = all.find(({ head }) => "selected" in head) ?? all[0];
  return chosen?.head.value ?? decode(chosen?.text ?? "").trim();
}

function attributesOf(head: string): Record<string, string> {
  const found = head.matchAll(/([^\s"'<>/=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'=<>`]+)))?/g);
  return Object.fromEntries([...found].map(([, name = "", a, b, c]) => [name.toLowerCase(), decode(a ?? b ?? c ?? "")]));
}

const ENTITIES: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

function decode(text: string): string {
  return text.replace(/&(#x[\da-f]+|#\d+|\w+);/gi, (whole, entity: string) => {
    if (!entity.startsWith("#")) return ENTITIES[entity.toLowerCase()] ?? whole;
    const code = /^#x/i.test(entity) ? Number.parseInt(entity.slice(2), 16) : Number(entity.slice(1));
    return String.fromCodePoint(code);
  });
}
