import type { FieldDefinition, SchemeDefinition } from "./types.ts";

const secret = { type: "STRING", required: true, secret: true, for: "credential" } as const;
const text = { type: "STRING", required: true, for: "credential" } as const;
/** What a header can carry as it is (RFC 9110 section 5.5): what was pasted with a line break or a space at its end would never work. */
export const oneToken = {
  pattern: "^[\\x21-\\x7e](?:[\\x20-\\x7e]*[\\x21-\\x7e])?$",
  patternMessage: "This must be one line of plain ASCII characters, without a space or line break at either end: paste it again.",
};

const LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
/** What a socket connects to: an address of either family too, and names as private networks have them (`my_db`). A host of a URL is held to more. */
export const SOCKET_HOST = {
  pattern: `^(?:${LABEL}(?:\\.${LABEL})*\\.?|(?=.*:.*:)[0-9A-Fa-f:.]{2,45})$`,
  patternMessage: "This must be a host name or an IP address, without https://, port and path.",
};

const WHERE_KEYS_ARE = "As the provider gave it, usually in its settings under API, developers or integrations.";

/** What a scheme of each type needs by itself; a connector's data may add fields, or word one of these anew under its name. */
const OWN_FIELDS: Record<SchemeDefinition["type"], readonly FieldDefinition[]> = {
  OAUTH2: [],
  OAUTH2_CLIENT_CREDENTIALS: [
    { ...text, name: "clientId", label: "Client ID", maxLength: 2_000 },
    { ...secret, name: "clientSecret", label: "Client secret", maxLength: 16_384 },
  ],
  OAUTH1: [],
  API_KEY: [{ ...secret, ...oneToken, name: "apiKey", label: "API key", description: WHERE_KEYS_ARE }],
  BEARER_TOKEN: [
    { ...secret, ...oneToken, name: "token", label: "Access token", description: WHERE_KEYS_ARE, maxLength: 16_384 },
  ],
  BASIC: [
    // RFC 7617 section 2: what stands before the first colon is the user name.
    {
      ...text,
      name: "username",
      label: "User name",
      pattern: "^[^:]+$",
      patternMessage: "A user name here has no colon.",
      maxLength: 1_000,
    },
    // Some APIs take a token as the user name and no password at all.
    { ...secret, name: "password", label: "Password", required: false },
  ],
  OAUTH1_TOKENS: [
    { ...text, name: "consumerKey", label: "Consumer key", maxLength: 2_000 },
    { ...secret, name: "consumerSecret", label: "Consumer secret", maxLength: 2_000 },
    { ...text, name: "tokenId", label: "Token ID", maxLength: 2_000 },
    { ...secret, name: "tokenSecret", label: "Token secret", maxLength: 2_000 },
  ],
  SIGNED_JWT: [
    {
      ...secret,
      name: "privateKey",
      label: "Private key",
      type: "FILE",
      multiline: true,
      description: "PEM, or the JSON key file.",
    },
  ],
  TWO_STEP: [],
  AWS_SIGV4: [
    {
      ...text,
      name: "accessKeyId",
      label: "Access key ID",
      pattern: "^[A-Z0-9]{16,128}$",
      patternMessage: "An access key ID is 16 or more capital letters and digits, such as AKIAIOSFODNN7EXAMPLE.",
    },
    { ...secret, ...oneToken, name: "secretAccessKey", label: "Secret access key", maxLength: 1_000 },
    {
      ...secret,
      ...oneToken,
      name: "sessionToken",
      label: "Session token",
      description: "Only for temporary keys, which end with it.",
      required: false,
    },
  ],
  APP_INSTALLATION: [
    // Never a user's: the project presets it (domain/auth-config-rules.ts).
    {
      ...secret,
      ...oneToken,
      name: "userSecret",
      label: "Client secret of the app",
      description: "Proves to the provider who it was that installed the app, when they come back from there.",
      required: false,
    },
  ],
  NATIVE: [],
  NONE: [],
};

/** Every field of a scheme: its own first, each worded as the connector's data does where it does, then the data's further ones. */
export function fieldsOf(scheme: SchemeDefinition): FieldDefinition[] {
  const given = scheme.type === "NATIVE" ? scheme.fields.map(connectable) : (scheme.fields ?? []);
  const own = OWN_FIELDS[scheme.type];
  const worded = own.map((field) =>
    reworded(
      field,
      given.find(({ name }) => name === field.name),
    ),
  );
  return [...worded, ...given.filter(({ name }) => !own.some((field) => field.name === name))];
}

function connectable(field: FieldDefinition): FieldDefinition {
  return field.type === "HOST" && field.pattern === undefined ? { ...field, ...SOCKET_HOST } : field;
}

/** What the data does not say anew stays as the scheme has it: a field that is only given another label is secret as before. */
function reworded(field: FieldDefinition, given: FieldDefinition | undefined): FieldDefinition {
  if (!given) return field;
  const { pattern, patternMessage, ...rest } = field;
  return { ...rest, ...(given.pattern === undefined && { pattern, patternMessage }), ...given };
}
