import { ask, endpointOf, judgeAnswer, keysOf } from "./aws-call.ts";
import { textOf } from "./fields.ts";
import { callOf, fitting, family as http } from "./http.ts";
import { OTHER_KIND } from "./meanings.ts";
import type { ProbeFamily } from "./types.ts";

/**
 * The services of AWS: the connector's data says what to ask (`requests`), for which `service` it is signed, and where it is
 * (`endpoint`, where nobody typed another).
 */
export const family: ProbeFamily = {
  async probe({ values, scheme, fetch }) {
    const { service = "", endpoint = "", missing } = scheme.constants ?? {};
    const region = textOf(values, "region") ?? "us-east-1";
    const known = { ...values, endpoint: endpointOf(values, endpoint) };
    const call = callOf(fitting(scheme.requests, known), known);
    const answer = await ask(call, { service, region }, await keysOf(values, region, fetch), fetch);
    judgeAnswer(answer, missing);
    if (!answer.headers.has("x-amzn-requestid")) throw OTHER_KIND;
  },

  meaningOf: http.meaningOf,
};
