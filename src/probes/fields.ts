import tls from "node:tls";
import type { ConnectionValues } from "../catalogue/types.ts";
import { ProbeError } from "./types.ts";

/** A field as text; undefined: it was left empty. */
export function textOf(values: ConnectionValues, name: string): string | undefined {
  const value = values[name];
  return value === undefined || value === null || value === "" ? undefined : String(value);
}

export function numberOf(values: ConnectionValues, name: string): number | undefined {
  const text = textOf(values, name);
  return text === undefined ? undefined : Number(text);
}

/** A FILE's content: UTF-8 text as it is, or what a base64 data URL holds. */
export function fileOf(values: ConnectionValues, name: string): Buffer | undefined {
  const text = textOf(values, name);
  if (text === undefined) return undefined;
  const [, encoded] = /^data:[^,]*;base64,(.*)$/s.exec(text) ?? [];
  return encoded === undefined ? Buffer.from(text, "utf8") : Buffer.from(encoded, "base64");
}

export function pemOf(values: ConnectionValues, name: string): string | undefined {
  return fileOf(values, name)?.toString("utf8");
}

export interface Certificates {
  ca?: string;
  cert?: string;
  key?: string;
}

/** The fields of group `tls` that every family shares. Throws ProbeError for what is no PEM, before anything is sent. */
export function certificatesOf(values: ConnectionValues): Certificates {
  const found = {
    ca: pemOf(values, "caCertificate"),
    cert: pemOf(values, "clientCertificate"),
    key: pemOf(values, "clientKey"),
  };
  const material = Object.fromEntries(Object.entries(found).filter(([, text]) => text !== undefined));
  try {
    tls.createSecureContext(material);
  } catch {
    throw new ProbeError("TLS_ERROR", {
      message: "A certificate or key that was entered cannot be read, or the two do not belong together.",
      remedy: "Enter each as PEM text, from its BEGIN line to its END line.",
    });
  }
  return material;
}

/** As drivers take it: always verified, TLS 1.2 at least. */
export function verifiedTls(values: ConnectionValues): tls.SecureContextOptions & { rejectUnauthorized: true } {
  return { ...certificatesOf(values), minVersion: "TLSv1.2", rejectUnauthorized: true };
}

/** `a:1, b` as hosts and ports. Throws ProbeError for a port that there is not. */
export function hostsOf(text: string, defaultPort: number): { host: string; port: number }[] {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean)
    .map((one) => {
      const [, host = "", port] = /^(\[[^\]]+\]|[^:]+|[^:]*:[^:]*:.*?)(?::(\d+))?$/.exec(one) ?? [];
      if (Number(port) > 65_535 || Number(port) === 0) throw NO_PORT;
      return { host: host.replace(/^\[|\]$/g, ""), port: port ? Number(port) : defaultPort };
    });
}

const NO_PORT = new ProbeError("HOST_NOT_FOUND", {
  message: "A port that was entered is not a number from 1 to 65535.",
  remedy: "Check the address: the port stands behind the last colon.",
});
