import { createTransport } from "nodemailer";
import type { ConnectionValues } from "../catalogue/types.ts";
import { numberOf, textOf } from "./fields.ts";
import { openSocket, tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** SMTP submission (RFC 6409): greeting, STARTTLS where wanted, and login. No message is begun. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const security = textOf(values, "security") ?? "starttls";
    const host = textOf(values, "host") ?? "";
    const port = numberOf(values, "port") ?? (security === "tls" ? 465 : 587);
    const tls = tlsWith(host, values);
    // Opened here, because the driver would look the name up in its own way.
    const connection = await openSocket({ host, port, secure: security === "tls" ? tls : undefined });
    await createTransport({
      connection,
      host,
      port,
      secure: security === "tls",
      secured: security === "tls",
      requireTLS: security === "starttls",
      ignoreTLS: security === "none",
      tls,
      name: textOf(values, "clientHostname") ?? "moorline.invalid",
      connectionTimeout: timeoutMs,
      greetingTimeout: timeoutMs,
      socketTimeout: timeoutMs,
      ...loginOf(values),
    }).verify();
  },

  meaningOf(error) {
    const { code, responseCode, command } = error as Record<string, unknown>;
    if (code === "EAUTH") return authMeaning(Number(responseCode ?? 0));
    if (code === "ETLS" || (command === "STARTTLS" && Number(responseCode ?? 0) >= 400)) return NO_TLS;
    if (code === "EPROTOCOL" || code === "ECONNECTION" || code === "EENVELOPE") {
      if (Number(responseCode ?? 0) === 530) return TLS_WANTED;
      if (responseCode !== undefined)
        return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the code ${Number(responseCode)}.` });
    }
    return undefined;
  },
};

function loginOf(values: ConnectionValues) {
  const username = textOf(values, "username");
  if (username === undefined) return {};
  // Also where the server does not say that it knows how: an untried password is no proof.
  return { auth: { user: username, pass: textOf(values, "password") ?? "" }, forceAuth: true };
}

/** RFC 4954, section 6. */
function authMeaning(code: number): "INVALID_CREDENTIALS" | ProbeError {
  if (code === 538 || code === 530 || code === 523) return TLS_WANTED;
  if (code === 534 || code === 502 || code === 503 || code === 504 || code === 500) return NO_LOGIN;
  if (code === 454 || code === 421 || code === 432)
    return new ProbeError("PROVIDER_ERROR", { message: "The server cannot check passwords now." });
  return REFUSED;
}

const REFUSED = new ProbeError("INVALID_CREDENTIALS", {
  remedy: "Check user name and password. Many providers want an app password, or SMTP login switched on for the account.",
});

const NO_LOGIN = new ProbeError("INVALID_CREDENTIALS", {
  message: "The server does not take a user name and password here, or not in this way.",
  remedy: "Use the submission port (587 or 465) with TLS, or leave user name and password empty.",
});

const NO_TLS = new ProbeError("TLS_ERROR", {
  message: "No secure connection could be made with STARTTLS.",
  remedy: "Choose TLS from the start (usually port 465), or have STARTTLS switched on at the server.",
});

const TLS_WANTED = new ProbeError("TLS_ERROR", { message: "The server wants TLS first.", remedy: "Choose STARTTLS or TLS." });
