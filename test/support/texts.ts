import { globSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parseSync } from "vite";
import { fieldsFor } from "../../src/catalogue/fields.ts";
import { loadCatalogue } from "../../src/catalogue/index.ts";

/**
 * What we say to people in English, found where it is written. Of the code: every literal and template that is a sentence, `{1}`, `{2}` … for
 * what is put into it; descriptions of the schema, logs, and what only an operator's console shows, are left out.
 */

const SRC = join(import.meta.dirname, "../../src");
const ROOMS = ["catalogue", "domain", "egress", "events", "graphql", "http", "lib", "probes", "schemes"];
/** Of `graphql/`, all of whose types and fields are described: who throws. */
const THROWS = /^graphql\/(connection|limits|document|node|scalars)\.ts$/;
const DESCRIBES = new Set(["description", "deprecationReason"]);
const NOT_FOR_CLIENTS =
  /(^|\.)(Error|TypeError|describe|textScalar|described|error|warn|info|debug)$|^(StartError|defineMetric)$/;
const SENTENCE = /^[A-Z“"{][\s\S]* [\s\S]*[.?!]["”)]?\s*$/;

interface Node {
  type: string;
  start: number;
  end: number;
  [key: string]: unknown;
}

export interface Written {
  text: string;
  /** `domain/user.ts:12` */
  where: string;
}

export function writtenInCode(): Written[] {
  const files = globSync(`${SRC}/{${ROOMS.join(",")}}/**/*.ts`).filter(
    (file) => !/\/(generated|words)\/|\/metrics\.ts$/.test(file),
  );
  return files.flatMap((file) => {
    const place = relative(SRC, file);
    if (place.startsWith("graphql/") && !THROWS.test(place)) return [];
    const code = readFileSync(file, "utf8");
    const found: Written[] = [];
    collect(parseSync(file, code).program as unknown as Node, code, (text, start) => {
      found.push({ text, where: `${place}:${code.slice(0, start).split("\n").length}` });
    });
    return found;
  });
}

function collect(root: Node, code: string, onText: (text: string, start: number) => void): void {
  const visit = (value: unknown, silent: boolean): void => {
    if (Array.isArray(value)) for (const one of value) visit(one, silent);
    if (typeof value !== "object" || value === null || !("type" in value)) return;
    const node = value as Node;
    if (node.type === "ImportDeclaration") return;
    const text = textOf(node);
    if (text !== null && !silent && isSentence(text)) onText(text, node.start);
    const inside = silent || describes(node) || calls(node, code);
    for (const inner of Object.values(node)) visit(inner, inside);
  };
  visit(root, false);
}

function textOf(node: Node): string | null {
  if (node.type === "Literal") return typeof node.value === "string" ? node.value : null;
  if (node.type !== "TemplateLiteral") return null;
  const parts = node.quasis as { value: { cooked: string } }[];
  return parts.map(({ value }, index) => value.cooked + (index < parts.length - 1 ? `{${index + 1}}` : "")).join("");
}

function isSentence(text: string): boolean {
  return SENTENCE.test(text) && text.split(" ").length >= 3 && /[a-z]{2}/.test(text);
}

function describes(node: Node): boolean {
  const key = node.key as { name?: string } | undefined;
  return node.type === "Property" && DESCRIBES.has(key?.name ?? "");
}

function calls(node: Node, code: string): boolean {
  if (node.type !== "CallExpression" && node.type !== "NewExpression") return false;
  const { start, end } = node.callee as Node;
  return NOT_FOR_CLIENTS.test(code.slice(start, end));
}

/** What the built-in connectors say: labels, help, guides and the like. */
export function writtenInCatalogue(): Written[] {
  const catalogue = loadCatalogue({ variables: { sandboxIssuer: "https://sandbox.test" } });
  const written: Written[] = [];
  for (const connector of catalogue.all()) {
    const say = (...texts: (string | null | undefined)[]) => {
      for (const text of texts) if (text) written.push({ text, where: connector.slug });
    };
    say(connector.description, ...connector.setupGuide, connector.webhooks?.guide);
    for (const scheme of connector.schemes) {
      say(scheme.name, scheme.description, ...(scheme.scopes ?? []).map((scope) => scope.description));
      for (const field of [...fieldsFor(scheme, "authConfig"), ...fieldsFor(scheme, "credential")]) {
        say(field.label, field.group, field.description, field.patternMessage);
        for (const option of field.options ?? []) say(option.label, option.description);
      }
    }
  }
  for (const { name } of catalogue.categories()) written.push({ text: name, where: "categories" });
  return written;
}
