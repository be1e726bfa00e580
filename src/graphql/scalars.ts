import { GraphQLError, GraphQLScalarType, Kind } from "graphql";
import { DateTimeResolver, EmailAddressResolver, JSONResolver } from "graphql-scalars";
import { isOrigin } from "../lib/front-end.ts";

/** How the scalars look in TypeScript, for the schema builder. */
export type ScalarTypes = {
  DateTime: { Input: Date; Output: Date };
  JSON: { Input: unknown; Output: unknown };
  EmailAddress: { Input: string; Output: string };
  URL: { Input: string; Output: string };
  Origin: { Input: string; Output: string };
};

const MAX_URL_LENGTH = 2048;

/** Any scheme with something behind it (custom ones of mobile apps, too), but none that runs what it carries. */
function checkUrl(value: string): string | null {
  if (value.length > MAX_URL_LENGTH) return `must have at most ${MAX_URL_LENGTH} characters`;
  // URL.parse forgives spaces and line breaks; what is stored and later compared byte for byte must not have them.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
  if (/[\u0000-\u0020\u007f-\u009f\\]/.test(value)) return "must not contain spaces, control characters or backslashes";
  const url = URL.parse(value);
  if (!url) return "must be absolute, such as https://app.example.com/connected";
  if (["javascript:", "data:", "vbscript:", "blob:"].includes(url.protocol)) return `must not begin with ${url.protocol}`;
  return null;
}

function checkOrigin(value: string): string | null {
  return isOrigin(value) ? null : "must be scheme, host and port only, such as https://app.example.com";
}

function unfit(name: string, problem: string): GraphQLError {
  return new GraphQLError(`The value of type ${name} ${problem}.`, { extensions: { code: "BAD_REQUEST" } });
}

/** A string scalar that is checked when it comes in and goes out as it was stored. */
function textScalar(
  name: string,
  description: string,
  check: (value: string) => string | null,
  specifiedByURL: string | null = null,
): GraphQLScalarType<string, string> {
  function parse(value: unknown): string {
    const problem = typeof value === "string" ? check(value) : "must be a string";
    if (problem) throw unfit(name, problem);
    return value as string;
  }
  return new GraphQLScalarType<string, string>({
    name,
    description,
    specifiedByURL,
    coerceInputValue: parse,
    coerceInputLiteral: (node) => parse(node.kind === Kind.STRING ? node.value : null),
    coerceOutputValue: String,
  });
}

export const UrlScalar = textScalar(
  "URL",
  "An absolute URL (WHATWG), custom schemes included, at most 2,048 characters. It is stored and returned unchanged, character for character.",
  checkUrl,
);

export const OriginScalar = textScalar(
  "Origin",
  "Scheme, host and port, as `event.origin` in a browser: `https://app.example.com`, without a slash at the end; or of an app's web view, `capacitor://localhost`.",
  checkOrigin,
);

function checkEmailAddress(value: string): string | null {
  try {
    EmailAddressResolver.parseValue(value);
    return null;
  } catch {
    return "must be an e-mail address, such as ada@example.com";
  }
}

/** The library decides; the words are ours, as its error would not name the place of the value. */
const EmailAddressScalar = textScalar(
  "EmailAddress",
  "An e-mail address, in the form that HTML's `input type=email` accepts.",
  checkEmailAddress,
  EmailAddressResolver.specifiedByURL,
);

/** The first and the last moment with a year of four digits; the database knows no year 0. */
export const MIN_TIME = Date.parse("0001-01-01T00:00:00Z");
export const MAX_TIME = Date.parse("9999-12-31T23:59:59.999Z");

/** Again the library decides, within what the database can hold, and the words are ours. */
function parseMoment(value: unknown): Date {
  const moment = readMoment(value);
  if (moment && moment.getTime() >= MIN_TIME && moment.getTime() <= MAX_TIME) return moment;
  const problem = "must be a moment of the years 1 to 9999 as RFC 3339 writes it, such as 2026-11-21T10:15:30Z";
  throw unfit("DateTime", problem);
}

function readMoment(value: unknown): Date | null {
  try {
    return typeof value === "string" ? DateTimeResolver.parseValue(value) : null;
  } catch {
    return null;
  }
}

const DateTimeScalar = new GraphQLScalarType<Date, Date>({
  name: "DateTime",
  description: "A moment, as RFC 3339 text in UTC with milliseconds: `2026-11-21T10:15:30.000Z`. Years 1 to 9999.",
  coerceInputValue: parseMoment,
  coerceInputLiteral: (node) => parseMoment(node.kind === Kind.STRING ? node.value : null),
  coerceOutputValue: DateTimeResolver.coerceOutputValue.bind(DateTimeResolver),
});

/** The library's scalars under our own descriptions. */
export const LIBRARY_SCALARS = {
  DateTime: DateTimeScalar,
  JSON: described(JSONResolver, "Any JSON value (RFC 8259): object, list, string, number, boolean or null."),
  EmailAddress: EmailAddressScalar,
};

function described(scalar: GraphQLScalarType, description: string): GraphQLScalarType {
  return new GraphQLScalarType({ ...scalar.toConfig(), description, extensions: {}, astNode: undefined, extensionASTNodes: [] });
}
