/** What is wrong with a server's TLS, by the code of Node's error, in words that end a sentence. Its own text is not shown. */
export function tlsProblem(cause: unknown): { message: string; remedy: string } {
  const code = codeIn(cause);
  const [, message, remedy] = KNOWN.find(([pattern]) => pattern.test(code)) ?? OTHER;
  return { message, remedy };
}

type Words = [pattern: RegExp, message: string, remedy: string];

const KNOWN: Words[] = [
  [
    /SELF_SIGNED/,
    "its certificate is self-signed",
    "Have the server show a certificate of an authority that everybody trusts, with its intermediate certificates.",
  ],
  [/CERT_HAS_EXPIRED/, "its certificate has run out", "Have the server's certificate renewed."],
  [
    /CERT_NOT_YET_VALID/,
    "its certificate is not valid yet",
    "Check the clock of this machine, and the certificate's first day of validity.",
  ],
  [
    /ALTNAME_INVALID|HOSTNAME_MISMATCH/,
    "its certificate is for another host name",
    "Use the host name that the certificate is for, or have this name added to it.",
  ],
  [
    /UNABLE_TO_VERIFY_LEAF|UNABLE_TO_GET_ISSUER|UNABLE_TO_GET_LOCAL/,
    "its certificate cannot be traced to an authority that is trusted",
    "Have the server send its intermediate certificates too, or use a certificate of a public authority.",
  ],
  [/REVOKED/, "its certificate was revoked", "Have the server's certificate replaced."],
  [
    /WRONG_VERSION|PROTOCOL|EPROTO|HTTP_REQUEST|PACKET_LENGTH|NO_SHARED/,
    "it does not speak TLS 1.2 or later there",
    "Check the port, and whether the server speaks plain HTTP on it; old TLS versions are refused.",
  ],
];

const OTHER: Words = [/^/, "its certificate or its TLS is not in order", "Check the server's certificate and its TLS versions."];

function codeIn(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return codeIn(error.errors[0]);
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}
