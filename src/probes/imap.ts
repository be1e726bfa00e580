import { ImapFlow } from "imapflow";
import { numberOf, textOf } from "./fields.ts";
import { tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** IMAP (RFC 9051): login, and the mailbox opened for reading only, so that no message counts as seen. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const security = textOf(values, "security") ?? "tls";
    const host = textOf(values, "host") ?? "";
    const client = new ImapFlow({
      host,
      port: numberOf(values, "port") ?? (security === "tls" ? 993 : 143),
      secure: security === "tls",
      doSTARTTLS: security === "tls" ? undefined : security === "starttls",
      auth: { user: textOf(values, "username") ?? "", pass: textOf(values, "password") ?? "" },
      tls: tlsWith(host, values),
      logger: false,
      disableAutoIdle: true,
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.mailboxOpen(textOf(values, "mailbox") ?? "INBOX", { readOnly: true }).catch(noMailbox);
    } finally {
      client.close();
    }
  },

  meaningOf(error) {
    const { authenticationFailed, serverResponseCode, code, tlsFailed } = error as Record<string, unknown>;
    if (authenticationFailed === true) return loginMeaning(String(serverResponseCode ?? ""));
    if (tlsFailed === true && code === undefined) return NO_TLS;
    return undefined;
  },
};

function noMailbox(error: unknown): never {
  const { responseStatus } = error as { responseStatus?: unknown };
  throw responseStatus === "NO" ? NO_MAILBOX : error;
}

/** RFC 5530, "IMAP Response Codes". */
function loginMeaning(code: string): ProbeError {
  if (code === "PRIVACYREQUIRED") return TLS_WANTED;
  if (code === "EXPIRED") return new ProbeError("TOKEN_EXPIRED");
  if (code === "UNAVAILABLE" || code === "INUSE") return new ProbeError("PROVIDER_ERROR");
  if (code === "LIMIT") return new ProbeError("RATE_LIMITED");
  return REFUSED;
}

const REFUSED = new ProbeError("INVALID_CREDENTIALS", {
  remedy: "Check user name and password. Many providers want an app password, or IMAP switched on for the account.",
});

const NO_MAILBOX = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such mailbox, or this user may not open it.",
  remedy: "Check the mailbox's name. The usual one is INBOX.",
});

const NO_TLS = new ProbeError("TLS_ERROR", {
  message: "The server does not offer STARTTLS.",
  remedy: "Choose TLS from the start, usually port 993, or have it switched on at the server.",
});

const TLS_WANTED = new ProbeError("TLS_ERROR", { message: "The server wants TLS first.", remedy: "Choose STARTTLS or TLS." });
