import { type Conversation, converse, UNKNOWN_ANSWER } from "./conversation.ts";
import { numberOf, textOf } from "./fields.ts";
import { tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** POP3 (RFC 1939) with STLS (RFC 2595). The question is STAT: how many messages there are. */
export const family: ProbeFamily = {
  async probe({ values }) {
    const security = textOf(values, "security") ?? "tls";
    const host = textOf(values, "host") ?? "";
    const port = numberOf(values, "port") ?? (security === "tls" ? 995 : 110);
    const secure = security === "tls" ? tlsWith(host, values) : undefined;
    await converse({ host, port, secure }, async (conversation) => {
      await answer(conversation, UNKNOWN_ANSWER);
      if (security === "starttls") {
        await ask(conversation, "STLS", NO_TLS);
        await conversation.secure(tlsWith(host, values));
      }
      await ask(conversation, `USER ${textOf(values, "username") ?? ""}`, NOT_ACCEPTED);
      await ask(conversation, `PASS ${textOf(values, "password") ?? ""}`, NOT_ACCEPTED);
      await ask(conversation, "STAT", new ProbeError("PERMISSION_DENIED"));
      conversation.say("QUIT\r\n");
    });
  },
};

function ask(conversation: Conversation, command: string, otherwise: ProbeError): Promise<void> {
  conversation.say(`${command}\r\n`);
  return answer(conversation, otherwise);
}

/** Throws what the answer means: a limit and a mailbox in use have codes of their own (RFC 2449 section 8, RFC 3206). */
async function answer({ hear }: Conversation, otherwise: ProbeError): Promise<void> {
  const line = await hear("\r\n");
  if (line.startsWith("+OK")) return;
  if (!line.startsWith("-ERR")) throw UNKNOWN_ANSWER;
  if (/^-ERR \[LOGIN-DELAY\]/i.test(line)) throw new ProbeError("RATE_LIMITED");
  if (/^-ERR \[(IN-USE|SYS\/[A-Z]+)\]/i.test(line)) throw new ProbeError("PROVIDER_ERROR");
  throw otherwise;
}

const NOT_ACCEPTED = new ProbeError("INVALID_CREDENTIALS", {
  remedy: "Check user name and password. Many providers want an app password, POP3 switched on, or TLS.",
});

const NO_TLS = new ProbeError("TLS_ERROR", {
  message: "The server does not offer STARTTLS.",
  remedy: "Choose TLS from the start, usually port 995, or have it switched on at the server.",
});
