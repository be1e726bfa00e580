import type { TestCode } from "../lib/errors.ts";
import type { ProbeError } from "./types.ts";

const WORDS: Record<TestCode, [message: string, remedy: string | null]> = {
  OK: ["The connection works.", null],
  INVALID_CREDENTIALS: [
    "The server does not accept these credentials.",
    "Check the user name, and enter the password, key or token again.",
  ],
  PERMISSION_DENIED: [
    "The credentials are accepted, but may not do what was asked.",
    "Have whoever runs the server grant this user access.",
  ],
  TOKEN_EXPIRED: ["The token has run out.", "Enter a new one."],
  CONNECTION_REFUSED: [
    "The server refused the connection, or cannot be reached.",
    "Check host and port, and whether a firewall lets Moorline through.",
  ],
  HOST_NOT_FOUND: ["The host name was not found.", "Check its spelling."],
  TIMEOUT: [
    "The server did not answer in time.",
    "Check host, port and TLS setting, and whether a firewall lets Moorline through.",
  ],
  TLS_ERROR: [
    "No secure connection could be made.",
    "Check that the server speaks TLS 1.2 or later on this port, or change the TLS setting.",
  ],
  BLOCKED_ADDRESS: [
    "The address is not one that may be reached from here.",
    "Use a public host, or have the operator allow the address (MOORLINE_EGRESS_ALLOW).",
  ],
  RESOURCE_NOT_FOUND: ["What was named does not exist on the server.", "Check its spelling, such as the database's name."],
  RATE_LIMITED: ["The server limits how often it may be asked.", "Wait a moment and test again."],
  PROVIDER_ERROR: [
    "The server answered with an error.",
    "Check that host and port are those of this kind of server, and try again later.",
  ],
  DRIVER_MISSING: ["The driver for this kind of system is not installed.", "Have the operator install it."],
  NOT_TESTABLE: ["There is no connection test for this kind of system.", "Use the credential to see whether it works."],
};

/** For a person; null: it works. */
export function inWords(error: ProbeError | null): { code: TestCode; message: string; remedy: string | null } {
  const code = error?.code ?? "OK";
  const [message, remedy] = WORDS[code];
  return { code, message: error?.words.message ?? message, remedy: error?.words.remedy ?? remedy };
}
