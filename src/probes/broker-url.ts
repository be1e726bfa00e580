import type { ConnectionValues } from "../catalogue/types.ts";
import { textOf } from "./fields.ts";
import { ProbeError, type ProbeFamily, type ProbeInput } from "./types.ts";

const BY_SCHEME = {
  "amqps:": { load: () => import("./amqp.ts"), port: 5671 },
  "amqp+ssl:": { load: () => import("./amqp1.ts"), port: 5671 },
  "stomp+ssl:": { load: () => import("./stomp.ts"), port: 61614 },
} as const;

/** A broker whose URL says by its scheme which of several protocols it speaks, each over TLS. */
export const family: ProbeFamily = {
  async probe(input) {
    const url = URL.parse(textOf(input.values, "url") ?? "");
    const spoken = BY_SCHEME[url?.protocol as keyof typeof BY_SCHEME];
    if (!url || !spoken) throw NO_URL;
    const { family: chosen } = await spoken.load();
    try {
      await chosen.probe({ ...input, values: valuesOf(url, spoken.port, input.values) });
    } catch (error) {
      throw meaningOf(chosen, error);
    }
  },
};

function valuesOf(url: URL, port: number, values: ConnectionValues): ProbeInput["values"] {
  return { ...values, host: url.hostname.replace(/^\[|\]$/g, ""), port: url.port ? Number(url.port) : port, tls: true };
}

function meaningOf(chosen: ProbeFamily, error: unknown): unknown {
  const known = chosen.meaningOf?.(error);
  return typeof known === "string" ? new ProbeError(known) : (known ?? error);
}

const NO_URL = new ProbeError("HOST_NOT_FOUND", {
  message: "The address is not a complete URL of a protocol that is known here.",
  remedy: "Enter it as the console shows it, with amqps://, amqp+ssl:// or stomp+ssl:// in front.",
});
