/** XML for the few who speak it (XML 1.0): objects are written as elements, and read back from them. */

/**
 * XML's elements as an object, texts as they are, attributes left out; null: it is none. A document type is refused: it may define entities.
 */
export async function readXml(text: string): Promise<unknown> {
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text)) return null;
  // Nobody else needs the parser: it is loaded when it is used.
  const { XMLParser } = await import("fast-xml-parser");
  // Without htmlEntities it leaves numeric references (XML 1.0 section 4.1) as they are.
  const parser = new XMLParser({ ignoreAttributes: true, parseTagValue: false, ignoreDeclaration: true, htmlEntities: true });
  try {
    return parser.parse(text, true);
  } catch {
    return null;
  }
}

/** Elements from an object's members, in order; a list repeats one, and a member whose name begins with @ is an attribute. */
export function writeXml(body: Readonly<Record<string, unknown>>): string {
  return `<?xml version="1.0" encoding="UTF-8"?>${contentOf(body)}`;
}

/** What stands before and behind a piece of XML that is put into the empty element at a dotted path of such an object. */
export function xmlAround(body: Readonly<Record<string, unknown>>, path: string): [before: string, after: string] {
  const names = path.split(".");
  const [first = "", ...rest] = names;
  const members = Object.entries(body);
  const at = members.findIndex(([name]) => name === first);
  const part = (some: typeof members) => contentOf(Object.fromEntries(some));
  const own = rest.length > 0 ? xmlAround(body[first] as Record<string, unknown>, rest.join(".")) : ["", ""];
  const [before, after] = own as [string, string];
  return [
    `${part(members.slice(0, at))}<${first}${attributesOf(body[first])}>${before}`,
    `${after}</${first}>${part(members.slice(at + 1))}`,
  ];
}

function contentOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return xmlText(String(value ?? ""));
  const members = Object.entries(value).filter(([name]) => !name.startsWith("@"));
  return members
    .map(([name, item]) =>
      [item]
        .flat()
        .map((one) => element(name, one))
        .join(""),
    )
    .join("");
}

function element(name: string, value: unknown): string {
  return `<${name}${attributesOf(value)}>${contentOf(value)}</${name}>`;
}

function attributesOf(value: unknown): string {
  if (typeof value !== "object" || value === null) return "";
  const attributes = Object.entries(value).filter(([name]) => name.startsWith("@"));
  return attributes.map(([name, text]) => ` ${name.slice(1)}="${xmlAttribute(String(text))}"`).join("");
}

const WRITTEN: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const asReference = (character: string) => WRITTEN[character] ?? `&#x${character.charCodeAt(0).toString(16).toUpperCase()};`;

/** As Canonical XML 1.0 section 2.3 writes a text: these, and nothing else, by reference. */
export function xmlText(text: string): string {
  return text.replace(/[&<>\r]/g, asReference);
}

/** The same for an attribute's value. */
export function xmlAttribute(text: string): string {
  return text.replace(/[&<"\t\n\r]/g, asReference);
}
