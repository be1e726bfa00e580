import { ask, judgeAnswer, keysOf } from "./aws-call.ts";
import { textOf } from "./fields.ts";
import { callOf, fitting, family as http, judge } from "./http.ts";
import type { ProbeFamily } from "./types.ts";

/** OpenSearch by HTTP, or Amazon's service of that name, where a domain knows its users by AWS's signature. */
export const family: ProbeFamily = {
  async probe(input) {
    const { values, scheme, fetch } = input;
    if (textOf(values, "authType") !== "aws-sigv4") return http.probe(input);
    const request = fitting(scheme.requests, values);
    const region = textOf(values, "region") ?? "us-east-1";
    const answer = await ask(callOf(request, values), { service: "es", region }, await keysOf(values, region, fetch), fetch);
    judgeAnswer(answer);
    judge(request, answer.status, answer.text);
  },

  meaningOf: http.meaningOf,
};
