import { createHash, timingSafeEqual } from "node:crypto";
import { Client, type ConnectConfig } from "ssh2";
import type { ConnectionValues } from "../catalogue/types.ts";
import { numberOf, pemOf, textOf } from "./fields.ts";
import { HUNG_UP } from "./meanings.ts";
import { ProbeError, type ProbeInput } from "./types.ts";

/** An SSH connection that is logged in (RFC 4252: password, keyboard-interactive or public key), as long as `work` needs it. */
export async function withSsh({ values, timeoutMs }: ProbeInput, work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client();
  try {
    await new Promise<void>((resolve, reject) => {
      client.once("ready", resolve);
      client.once("close", () => reject(HUNG_UP));
      client.on("error", reject);
      // Many servers ask for the password in this way only.
      client.on("keyboard-interactive", (_name, _instructions, _language, prompts, finish) =>
        finish(prompts.map(() => textOf(values, "password") ?? "")),
      );
      client.connect({ ...loginOf(values), ...checkOf(values, reject), readyTimeout: timeoutMs });
    });
    await work(client);
  } finally {
    client.on("error", () => {});
    client.end();
  }
}

function loginOf(values: ConnectionValues): ConnectConfig {
  const withKey = textOf(values, "authType") === "privateKey";
  return {
    host: textOf(values, "host"),
    port: numberOf(values, "port") ?? 22,
    username: textOf(values, "username"),
    ...(withKey
      ? { privateKey: pemOf(values, "privateKey") ?? "", passphrase: textOf(values, "passphrase") }
      : { password: textOf(values, "password") ?? "", tryKeyboard: true }),
    // Of the gateway's own environment nothing is used.
    agent: undefined,
  };
}

/** With a fingerprint nothing is said to another host than the one that has it; without one any host is taken. */
function checkOf(values: ConnectionValues, fail: (error: Error) => void): Pick<ConnectConfig, "hostVerifier"> {
  const expected = textOf(values, "hostKeyFingerprint");
  if (expected === undefined) return {};
  return {
    hostVerifier(key: Buffer) {
      const isSame = fingerprintsOf(key).some((one) => same(one, plain(expected)));
      if (!isSame) fail(OTHER_HOST);
      return isSame;
    },
  };
}

/** As `ssh-keygen -lf` writes them: SHA-256 in base64, and MD5 or SHA-256 in hexadecimal digits. */
function fingerprintsOf(key: Buffer): string[] {
  const sha256 = createHash("sha256").update(key);
  const digest = sha256.digest();
  return [digest.toString("base64").replace(/=+$/, ""), digest.toString("hex"), createHash("md5").update(key).digest("hex")];
}

function plain(fingerprint: string): string {
  const bare = fingerprint
    .trim()
    .replace(/^(SHA256|MD5):/i, "")
    .replace(/=+$/, "");
  return /^[0-9a-f:]+$/i.test(bare) && bare.includes(":") ? bare.replaceAll(":", "").toLowerCase() : bare;
}

function same(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

/** What ssh2's own errors mean: `level` says where it happened. */
export function sshMeaning(error: unknown): "INVALID_CREDENTIALS" | ProbeError | undefined {
  const { level, message } = error as { level?: unknown; message?: unknown };
  if (level === "client-authentication") return "INVALID_CREDENTIALS";
  if (
    /^Cannot parse privateKey|^privateKey value|^Encrypted (private )?OpenSSH|bad passphrase|no passphrase/i.test(String(message))
  )
    return UNREADABLE;
  if (level === "handshake" || level === "protocol") return NO_AGREEMENT;
  return undefined;
}

const OTHER_HOST = new ProbeError("TLS_ERROR", {
  message: "The server's host key is not the one whose fingerprint was entered.",
  remedy: "Check the host, or have whoever runs the server tell you its new fingerprint. Nothing secret was sent.",
});

const UNREADABLE = new ProbeError("INVALID_CREDENTIALS", {
  message: "The private key cannot be read with this passphrase.",
  remedy: "Enter the whole key, from its BEGIN line to its END line, and the passphrase that belongs to it.",
});

const NO_AGREEMENT = new ProbeError("TLS_ERROR", {
  message: "No secure connection could be agreed upon.",
  remedy: "Check that host and port are those of an SSH server that is not too old.",
});
