import type { ConnectionValues } from "../catalogue/types.ts";
import { converse, UNKNOWN_ANSWER } from "./conversation.ts";
import { numberOf, textOf } from "./fields.ts";
import { tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** STOMP 1.2, whose whole login is one frame each way: CONNECT, and CONNECTED or ERROR. */
export const family: ProbeFamily = {
  async probe({ values }) {
    const host = textOf(values, "host") ?? "";
    const secure = values["tls"] === true ? tlsWith(host, values) : undefined;
    const port = numberOf(values, "port") ?? (secure ? 61614 : 61613);
    await converse({ host, port, secure }, async ({ say, hear }) => {
      say(connectFrame(values, host));
      const answer = await hear("\0");
      if (!/^\s*CONNECTED\r?\n/.test(answer)) throw refusal(answer);
      say("DISCONNECT\n\n\0");
    });
  },
};

function connectFrame(values: ConnectionValues, host: string): string {
  const headers = {
    "accept-version": "1.0,1.1,1.2",
    host: textOf(values, "vhost") ?? host,
    login: textOf(values, "username"),
    passcode: textOf(values, "password"),
    "heart-beat": "0,0",
  };
  const lines = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : `${name}:${value}\n`));
  return `CONNECT\n${lines.join("")}\n\0`;
}

/** An ERROR frame is for people; brokers agree on no codes. RabbitMQ says "Bad CONNECT" and "Access refused", ActiveMQ names a SecurityException. */
function refusal(answer: string): ProbeError {
  if (!/^\s*ERROR\r?\n/.test(answer)) return UNKNOWN_ANSWER;
  if (/virtual host/i.test(answer)) return NO_VHOST;
  if (/access[ _-]?refused|bad connect|security|authenticat|password|credential|log ?in/i.test(answer))
    return new ProbeError("INVALID_CREDENTIALS");
  return new ProbeError("PROVIDER_ERROR");
}

const NO_VHOST = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "The broker has no such virtual host, or none that this user may use.",
  remedy: "Check the virtual host's name, and that the user has permissions in it.",
});
